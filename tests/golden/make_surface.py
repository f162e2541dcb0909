"""surface.safetensors: Hausdorff 95 and surface Dice of random blobs by MONAI, which scipy's primitives confirm. Needs numpy, scipy, torch,
monai, safetensors."""
import numpy as np
import scipy.ndimage as ndi
import torch
from monai.metrics import compute_hausdorff_distance, compute_surface_dice
from writer import Golden

rng = np.random.default_rng(0)


def blobs(h, w, classes, smooth):
    noise = np.stack([ndi.gaussian_filter(rng.standard_normal((h, w)), smooth) for _ in range(classes)])
    return noise.argmax(0).astype(np.uint8)


def by_scipy(a, b, tolerance):
    edges = [m & ~ndi.binary_erosion(m) for m in (a, b)]
    there = ndi.distance_transform_edt(~edges[1])[edges[0]]
    back = ndi.distance_transform_edt(~edges[0])[edges[1]]
    return (max(np.percentile(there, 95), np.percentile(back, 95)),
            ((there <= tolerance).sum() + (back <= tolerance).sum()) / (len(there) + len(back)))


g = Golden("surface")
for case, (h, w, classes, smooth, tolerance) in enumerate([(24, 31, 4, 2.0, 1.0), (40, 17, 3, 4.0, 2.0), (33, 33, 2, 3.0, 0.0), (9, 50, 6, 1.0, 2.5)]):
    truth = blobs(h, w, classes, smooth)
    decided = np.roll(truth, (1, 2), (0, 1))
    flip = ndi.gaussian_filter(rng.standard_normal((h, w)), 1.5) > 0.25
    decided = np.where(flip, blobs(h, w, classes, smooth), decided).astype(np.uint8)
    hot = [torch.nn.functional.one_hot(torch.from_numpy(m.astype(np.int64)), classes).permute(2, 0, 1)[None] for m in (decided, truth)]
    hd = compute_hausdorff_distance(hot[0], hot[1], include_background=True, percentile=95)[0].numpy()
    sd = compute_surface_dice(hot[0], hot[1], [tolerance] * classes, include_background=True)[0].numpy()
    for c in range(classes):
        a, b = truth == c, decided == c
        assert a.any() and b.any()
        reference = by_scipy(a, b, tolerance)
        assert np.allclose(reference, (hd[c], sd[c]), atol=1e-6), (case, c, reference, hd[c], sd[c])
    g.put(f"case{case}", truth=torch.from_numpy(truth), decided=torch.from_numpy(decided), tolerance=torch.tensor(tolerance, dtype=torch.float64),
          hausdorff95=torch.from_numpy(hd.astype(np.float64)), surface_dice=torch.from_numpy(sd.astype(np.float64)))
g.save()
