"""segmentation_loss.safetensors: cross-entropy from torch.nn.functional plus soft Dice built from torch operations, also of upsampled logits."""
import torch
import torch.nn.functional as F
from writer import Golden, nchw, nhwc

W = torch.tensor([0.5, 2.0, 1.25, 0.75], dtype=torch.float64)
ONES = torch.ones(4, dtype=torch.float64)
g = Golden("segmentation_loss")


def dice_loss(p, t, valid, weights, smooth, dims, first=0):
    """1 - weighted mean over classes of (2 I + smooth) / (P + T + smooth); NHWC; dims are summed, the rest averaged."""
    p, t = p * valid, t * valid
    dice = (2 * (p * t).sum(dims) + smooth) / (p.sum(dims) + t.sum(dims) + smooth)
    return 1 - ((dice * weights)[..., first:].sum(-1) / weights[first:].sum()).mean()


def upsampled(logits, labels, align_corners):
    return nhwc(F.interpolate(nchw(logits), labels.shape[1:3], mode="bilinear", align_corners=align_corners))


def softmax_case(case, weights=ONES, ignore=None, pixel_count=False, smooth=1.0, ce=1.0, dice=1.0, per_sample=False, first=0, classes=4,
                 small=None, align_corners=False):
    y = g.labels((2, 6, 5), classes)
    if ignore is not None:
        y[g.labels(y.shape, 4) == 0] = ignore

    def f(logits, labels):
        logits = upsampled(logits, labels, align_corners) if small else logits
        valid = labels != (-1 if ignore is None else ignore)
        entropy = F.cross_entropy(nchw(logits), labels, weight=weights, ignore_index=-100 if ignore is None else ignore,
                                  reduction="sum" if pixel_count else "mean") / (valid.sum() if pixel_count else 1)
        t = F.one_hot(labels * valid, 4)
        return ce * entropy + dice * dice_loss(logits.softmax(-1), t, valid[..., None], weights, smooth, (1, 2) if per_sample else (0, 1, 2), first)

    g.add(case, f, logits=g.draw(2, *(small or (6, 5)), 4) * 2, labels=y)


softmax_case("plain")
softmax_case("cross_entropy", W, ignore=255, dice=0.0)
softmax_case("weights", W, ignore=255, smooth=1e-5, ce=0.5, dice=2.0)
softmax_case("pixel_count", W, ignore=3, pixel_count=True, classes=3, dice=0.0)
softmax_case("per_sample", W, ignore=255, per_sample=True, first=1)
softmax_case("penalize", classes=3)

y = g.labels((2, 6, 5, 4), 2)
y[g.labels(y.shape, 5) == 0] = 255


def sigmoid(logits, labels):
    valid = labels != 255
    t = (labels * valid).double()
    entropy = (F.binary_cross_entropy_with_logits(logits, t, weight=W, reduction="none") * valid).sum() / valid.sum()
    return entropy + dice_loss(logits.sigmoid(), t, valid, W, 1.0, (0, 1, 2))


g.add("sigmoid", sigmoid, logits=g.draw(2, 6, 5, 4) * 2, labels=y)
softmax_case("half_pixel", W, ignore=255, small=(3, 2))
softmax_case("align_corners", W, ignore=255, small=(2, 4), align_corners=True)
softmax_case("one_row", W, ignore=255, per_sample=True, small=(1, 2))
g.add("sigmoid_upsampled", lambda logits, labels: sigmoid(upsampled(logits, labels, True), labels), logits=g.draw(2, 4, 3, 4) * 2, labels=y)
g.save()
