"""warp.safetensors: torch's affine grid_sample of byte images, bilinear with repeated edges, and nearest labels. Needs torch, safetensors."""
import pathlib

import torch
from safetensors.torch import save_file

g = torch.Generator().manual_seed(8)
n, h, w, c, oh, ow = 3, 7, 9, 3, 6, 11
x = torch.randint(256, (n, h, w, c), generator=g, dtype=torch.uint8)
labels = torch.randint(5, (n, h, w), generator=g, dtype=torch.uint8)
# xx, xy, yx, yy, x, y: source = linear * output + offset in pixels, centres at half-integers. No point falls on a boundary between pixels.
maps = torch.tensor([[w / ow * 0.9, 0.013, 0.021, h / oh * 0.9, 0.31, 0.27],
                     [0.71, -0.52, 0.48, 0.83, 2.117, -1.213],
                     [-0.81, 0.0, 0.0, 1.17, 8.853, 0.111]], dtype=torch.float64)
columns, rows = torch.meshgrid(torch.arange(ow) + 0.5, torch.arange(oh) + 0.5, indexing="xy")
sx = maps[:, 0, None, None] * columns + maps[:, 1, None, None] * rows + maps[:, 4, None, None]
sy = maps[:, 2, None, None] * columns + maps[:, 3, None, None] * rows + maps[:, 5, None, None]
grid = torch.stack([2 * sx / w - 1, 2 * sy / h - 1], -1)  # align_corners=False


def sample(values, mode, padding):
    values = values.double().reshape(n, h, w, -1).permute(0, 3, 1, 2)
    return torch.nn.functional.grid_sample(values, grid, mode=mode, padding_mode=padding, align_corners=False).permute(0, 2, 3, 1)


inside = sample(torch.ones(n, h, w), "nearest", "zeros") > 0.5
y = torch.where(inside, sample(x, "bilinear", "border"), torch.tensor(40.0, dtype=torch.float64))
out = torch.where(inside[..., 0], sample(labels, "nearest", "border")[..., 0], torch.tensor(200.0, dtype=torch.float64))
scale, offset = torch.tensor([0.01, 0.02, 0.03], dtype=torch.float64), torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64)
save_file({"x": x, "labels": labels, "maps": maps, "scale": scale, "offset": offset, "y": (y * scale + offset).contiguous(),
           "labels_out": out.to(torch.uint8).contiguous()}, pathlib.Path(__file__).parent / "warp.safetensors")
