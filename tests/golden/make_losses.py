"""losses.safetensors: values and gradients of loss terms by the libraries that people know them from. Needs torch, safetensors, monai,
segmentation_models_pytorch, torchvision, scipy, coral_pytorch."""
import numpy as np
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
import torchvision
from coral_pytorch.dataset import levels_from_labelbatch
from coral_pytorch.layers import CoralLayer
from coral_pytorch.losses import coral_loss, corn_loss
from monai.losses import DiceLoss, GeneralizedDiceLoss, GeneralizedWassersteinDiceLoss, TverskyLoss
from scipy.ndimage import distance_transform_edt
from segmentation_models_pytorch.losses.lovasz import _lovasz_grad, _lovasz_softmax_flat
from writer import Golden, nchw

W = torch.tensor([0.5, 2.0, 1.25, 0.75], dtype=torch.float64)
torch.Tensor.float = torch.Tensor.double  # libraries that compute in float whatever they are given
g = Golden("losses")
N, H, WIDTH, C = 2, 7, 6, 4
labels = g.labels((N, H, WIDTH), C)
labels[:, :2] = 0
labels[:, 2, :3] = torch.tensor([1, 2, 3])  # every class is in every image
ignored = labels.clone()
ignored[g.labels(labels.shape, 5) == 0] = 255
logits = g.draw(N, H, WIDTH, C) * 2


def classes(case, f, y=labels):
    g.add(case, f, logits=logits, labels=y)


def with_hot(loss):
    """A MONAI loss of logits and labels as (N, C, H, W)."""
    return lambda z, y: loss(nchw(z), nchw(F.one_hot(y, C).double()))


classes("smoothed", lambda z, y: F.cross_entropy(nchw(z), y, weight=W, ignore_index=255, label_smoothing=0.15), ignored)


def focal(z, y):
    """Lin et al.: torch's cross-entropy a pixel, times (1 - p)^gamma; the weighted mean as torch takes it."""
    entropy = F.cross_entropy(nchw(z), y, weight=W, ignore_index=255, reduction="none")
    p = torch.exp(-F.cross_entropy(nchw(z), y, ignore_index=255, reduction="none"))
    valid = y != 255
    return ((1 - p) ** 2.5 * entropy)[valid].sum() / W[y[valid]].sum()


classes("focal", focal, ignored)
classes("dice_image", with_hot(DiceLoss(softmax=True, smooth_nr=0.5, smooth_dr=0.5)))
classes("dice_squared", with_hot(DiceLoss(softmax=True, squared_pred=True, batch=True, smooth_nr=1, smooth_dr=1)))
classes("jaccard_image", with_hot(DiceLoss(softmax=True, jaccard=True, smooth_nr=2, smooth_dr=2)))  # of 2 I and twice the union
classes("dice_log", lambda z, y: smp.losses.DiceLoss("multiclass", log_loss=True, smooth=0.5)(nchw(z), y))  # of I and half the sums
classes("jaccard_log", lambda z, y: smp.losses.JaccardLoss("multiclass", log_loss=True, smooth=1)(nchw(z), y))
classes("gdice", with_hot(GeneralizedDiceLoss(softmax=True, batch=True)))
classes("gdice_image", with_hot(GeneralizedDiceLoss(softmax=True, batch=False)))
classes("gdice_simple", with_hot(GeneralizedDiceLoss(softmax=True, w_type="simple", batch=True)))
classes("tversky", with_hot(TverskyLoss(softmax=True, alpha=0.3, beta=0.7, batch=True, smooth_nr=1, smooth_dr=1)))


def focal_tversky(z, y):
    """Abraham & Khan: (1 - TI)^(1/gamma), a mean over the classes."""
    p, t = z.softmax(-1).flatten(0, 2), F.one_hot(y, C).double().flatten(0, 2)
    i, fp, fn = (p * t).sum(0), (p * (1 - t)).sum(0), ((1 - p) * t).sum(0)
    return ((1 - (i + 1) / (i + 0.3 * fp + 0.7 * fn + 1)) ** 0.75).mean()


classes("focal_tversky", focal_tversky)
classes("lovasz", lambda z, y: smp.losses.LovaszLoss("multiclass", ignore_index=255)(nchw(z), y), ignored)
classes("lovasz_image", lambda z, y: smp.losses.LovaszLoss("multiclass", per_image=True)(nchw(z), y))


def boundary(z, y):
    """Kervadec et al.: the signed distances of their one_hot2dist, with the distances of scipy."""
    t = F.one_hot(y, C).numpy().astype(bool)
    d = np.zeros(t.shape)
    for n in range(N):
        for c in range(C):
            inside = t[n, :, :, c]
            d[n, :, :, c] = distance_transform_edt(~inside) * ~inside - (distance_transform_edt(inside) - 1) * inside
    return (z.softmax(-1) * torch.from_numpy(d)).mean()


classes("boundary", boundary)


def top_k(z, y):
    entropy = F.cross_entropy(nchw(z), y, weight=W, ignore_index=255, reduction="none")[y != 255]
    hardest, which = entropy.topk(int(np.ceil(0.3 * entropy.numel())))
    return hardest.sum() / W[y[y != 255][which]].sum()


classes("topk", top_k, ignored)

planes = g.labels((N, H, WIDTH, 3), 2)
g.add("sigmoid_focal", lambda z, t: torchvision.ops.sigmoid_focal_loss(z, t.double(), alpha=-1, gamma=1.5, reduction="mean"),
      logits=logits[..., :3].clone(), labels=planes)
g.add("sigmoid_smoothed", lambda z, t: F.binary_cross_entropy_with_logits(z, t.double() * 0.8 + 0.1), logits=logits[..., :3].clone(), labels=planes)

# Grades 0 to 3 by three cumulative scores that fall, as MONAI's classes: its softmax of log(probabilities of grades) is them.
falling = torch.cat([logits[..., :1], logits[..., :1] - F.softplus(logits[..., 1:2]) - 0.2,
                     logits[..., :1] - F.softplus(logits[..., 1:2]) - F.softplus(logits[..., 2:3]) - 0.5], -1)
distances = (torch.arange(4)[:, None] - torch.arange(4)).abs().double() / 3


def wasserstein(distances):
    def loss(z, y):
        above = z.sigmoid()
        ones, zeros = torch.ones_like(above[..., :1]), torch.zeros_like(above[..., :1])
        grades = torch.cat([ones, above], -1) - torch.cat([above, zeros], -1)
        of = GeneralizedWassersteinDiceLoss(distances, weighting_mode="default", reduction="mean", smooth_nr=1e-5, smooth_dr=1e-5)
        of.m = of.m.double()
        return of(nchw(grades.log()), y[:, None])

    return loss


g.add("wasserstein", wasserstein(distances), logits=falling, labels=labels)
g.add("corn", lambda z, y: corn_loss(z.flatten(0, 2), y.flatten(), 4), logits=logits[..., :3].clone(), labels=labels)


def coral(importance):
    """coral-pytorch's layer and loss of features (N, H, W, C); its sum over the scores of a pixel as their weighted mean."""
    layer = CoralLayer(C, 4).double()

    def loss(x, w, b, y):
        scores = torch.func.functional_call(layer, {"coral_weights.weight": w[:, 0, 0], "coral_bias": b}, (x.flatten(0, 2),))
        return coral_loss(scores, levels_from_labelbatch(y.flatten(), 4).double(), importance_weights=importance) / importance.sum()

    return loss


weight, bias = g.draw(1, 1, 1, C), torch.tensor([0.9, 0.1, -0.6], dtype=torch.float64)
for case, importance in {"coral": torch.ones(3), "coral_weighted": torch.tensor([0.5, 2.0, 1.25])}.items():
    g.add(case, coral(importance.double()), features=logits, weight=weight, bias=bias, labels=labels)

# A class that no pixel has.
classes("gdice_absent", with_hot(GeneralizedDiceLoss(softmax=True, batch=True)), labels.clamp(max=2))
classes("gdice_absent_image", with_hot(GeneralizedDiceLoss(softmax=True, batch=False)), labels.clamp(max=2))

# A plane's yes counts as often beside its no: torchvision's alpha is the share of the two that is the yes's.
P = torch.tensor([3.0, 0.25, 40.0]).double()
PLANES = torch.tensor([0.5, 2.0, 1.25]).double()


def entropies(z, t, **more):
    return F.binary_cross_entropy_with_logits(z, t, pos_weight=P, **more)


def top_k_planes(z, t):
    of_pixels = entropies(z, t.double(), weight=PLANES, reduction="none").sum(-1).flatten()
    return of_pixels.topk(int(np.ceil(0.3 * of_pixels.numel())))[0].mean() / PLANES.sum()


for case, f in {"positive": lambda z, t: entropies(z, t.double()), "positive_smoothed": lambda z, t: entropies(z, t.double() * 0.8 + 0.1),
                "positive_topk": top_k_planes, "positive_focal": lambda z, t: torchvision.ops.sigmoid_focal_loss(
                    z, t.double(), alpha=0.8, gamma=1.5, reduction="mean")}.items():
    g.add(case, f, logits=logits[..., :3].clone(), labels=planes)


def wasserstein_of_planes(above):
    """MONAI's loss of each plane and image alone, of the labelled pixels as an image of one row; `above`: P(grade > k) of a plane's scores."""

    def loss(z, y):
        losses = []
        for n in range(N):
            for plane, scores in enumerate(z.split(3, -1)):
                seen = y[n, ..., plane] != 255
                p = above(scores[n][seen])
                grades = torch.cat([torch.ones_like(p[:, :1]), p], -1) - torch.cat([p, torch.zeros_like(p[:, :1])], -1)
                of_one = GeneralizedWassersteinDiceLoss(distances, weighting_mode="default", smooth_nr=1e-5, smooth_dr=1e-5)
                of_one.m = of_one.m.double()
                losses.append(of_one(grades.log().T[None, :, None], y[n, ..., plane][seen][None, None, None]))
        return torch.stack(losses).mean()

    return loss


graded = g.labels((N, H, WIDTH, 2), 4)
graded[g.labels(graded.shape, 4) == 0] = 255  # each plane's own
graded[0, 0, 0], graded[0, 0, 1] = torch.tensor([3, 255]), torch.tensor([255, 2])
g.add("wasserstein_planes", wasserstein_of_planes(torch.sigmoid), logits=torch.cat([falling, falling.flip(0, 1) - 0.7], -1), labels=graded)
g.add("wasserstein_corn", wasserstein_of_planes(lambda z: z.sigmoid().cumprod(-1)), logits=g.draw(N, H, WIDTH, 6) * 2, labels=graded)

# Grades that lie 0.5, 2 and 1.25 apart, as shares of the whole.
places = torch.tensor([0, 0.5, 2.5, 3.75]).double()
g.add("wasserstein_weighted", wasserstein((places[:, None] - places).abs() / 3.75), logits=falling, labels=labels)


def weighted(error):
    """The errors of values, each grade of each plane as often as its weight: PyTorch's, by hand where they count."""

    def loss(x, y):
        seen = y != 255
        often = GRADES[torch.arange(2).expand_as(y)[seen], y[seen]]
        return (often * error(x[seen], y[seen].double(), reduction="none")).sum() / often.sum()

    return loss


GRADES = torch.tensor([[0.5, 2, 1.25, 4], [1, 0, 3, 0.25]]).double()
for case, error in {"mae_weighted": F.l1_loss, "mse_weighted": F.mse_loss,
                    "smooth_l1_weighted": lambda x, t, reduction: F.smooth_l1_loss(x, t, beta=0.5, reduction=reduction)}.items():
    g.add(case, weighted(error), logits=logits[..., :2] + 1, labels=graded)

# Class weights of what is computed beside the fused pass, and of ratios: of each class its own loss, by the libraries where they have it.
THREE = PLANES
some = torch.where(ignored == 3, 255, ignored)  # the last class is nowhere, and weighs nothing
often = g.labels((N, H, WIDTH), 4)  # how often each pixel counts
yes_no = planes.clone()
yes_no[g.labels(planes.shape, 5) == 0] = 255


def lovasz_of(p, t):
    """Berman et al. of one class: the errors in descending order times smp's gradient of 1 - IoU."""
    errors, order = (t - p).abs().sort(descending=True)
    return errors @ _lovasz_grad(t[order])


def lovasz_weighted(z, y):
    seen = y != 255
    return sum(W[c] * _lovasz_softmax_flat(z.softmax(-1)[seen], y[seen], classes=[c]) for c in range(3)) / W[:3].sum()


def lovasz_planes(z, t):
    """A mean over the images of those over their planes."""
    losses = []
    for n in range(N):
        seen = t[n] != 255
        of_planes = [lovasz_of(z[n, ..., c].sigmoid()[seen[..., c]], t[n, ..., c][seen[..., c]].double()) for c in range(3)]
        losses.append(sum(w * loss for w, loss in zip(THREE, of_planes)) / THREE.sum())
    return sum(losses) / N


def distances_of(inside):
    """Signed, of (N, H, W, C) booleans, as in boundary()."""
    d = np.zeros(inside.shape)
    for n in range(N):
        for c in range(inside.shape[-1]):
            i = inside[n, ..., c].numpy()
            d[n, ..., c] = distance_transform_edt(~i) * ~i - (distance_transform_edt(i) - 1) * i
    return torch.from_numpy(d)


def boundary_weighted(p, inside, seen, weights, often):
    times = seen.double() * weights * often[..., None]
    return (times * p * distances_of(inside)).sum() / times.sum()


g.add("lovasz_weighted", lovasz_weighted, logits=logits, labels=some)
g.add("lovasz_planes", lovasz_planes, logits=logits[..., :3].clone(), labels=yes_no)
hot = F.one_hot(ignored.clamp(max=C), C + 1)[..., :C].bool()  # an ignored pixel is outside of every class
g.add("boundary_weighted", lambda z, y, o: boundary_weighted(z.softmax(-1), hot, (y != 255)[..., None], W, o), logits=logits, labels=ignored,
      often=often)
g.add("boundary_planes", lambda z, y, o: boundary_weighted(z.sigmoid(), y == 1, y != 255, THREE, o), logits=logits[..., :3].clone(),
      labels=yes_no, often=often)


def gdice_weighted(z, y):
    """Sudre et al., each class's part of both sums times its weight."""
    p, t = z.softmax(-1).flatten(0, 2), F.one_hot(y, C).double().flatten(0, 2)
    w = W / t.sum(0) ** 2
    return 1 - (2 * (w * (p * t).sum(0)).sum() + 1e-5) / ((w * (p + t).sum(0)).sum() + 1e-5)


def log_ratios(ratio, weights):
    return -(weights * ratio.log()).sum(-1) / weights.sum()


def log_squared_dice(z, t):
    p, t = z.sigmoid().flatten(1, 2), t.double().flatten(1, 2)
    return log_ratios((2 * (p * t).sum(1) + 1) / ((p * p + t).sum(1) + 1), THREE).mean()


def log_jaccard_of_grades(z, y):
    p, t = z.sigmoid().flatten(0, 2), (y[..., None] > torch.arange(3)).double().flatten(0, 2)
    both = (p * t).sum(0)
    return log_ratios((both + 1) / ((p + t).sum(0) - both + 1), THREE)


def focal_planes(z, t):
    of_pixels = torchvision.ops.sigmoid_focal_loss(z, t.double(), alpha=-1, gamma=1.5, reduction="none")
    return (THREE * of_pixels).sum() / (THREE.sum() * t[..., 0].numel())


classes("gdice_weighted", gdice_weighted)
g.add("dice_planes_weighted", log_squared_dice, logits=logits[..., :3].clone(), labels=planes)
g.add("jaccard_grades_weighted", log_jaccard_of_grades, logits=falling, labels=labels)
g.add("focal_planes_weighted", focal_planes, logits=logits[..., :3].clone(), labels=planes)
g.save()
