#!/usr/bin/env python3
"""The PyTorch side of real_data.sh: the network, loss, schedule and data of

    lamina train DATA --model unet --preset bn --base 16 --depth 4 --size 256x256 --resize stretch --batch 4
        --loss ce+dice --class-weights none --optimizer adam --lr 2e-3 --schedule onecycle --augment hflip

or with --class-weights enet, --absent-classes skip, and other sizes,

written as a PyTorch user would: decoded and resized images cached in memory, the faster of the two memory layouts.
Needs torch 2.x, numpy and pillow. Prints one JSON object: scores from the confusion matrix of the whole validation
list at the training size, and training images a second including loading and augmentation (validation excluded).
"""
import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn


class DoubleConv(nn.Sequential):
    """(conv 3x3 without bias, batch norm, ReLU) twice."""

    def __init__(self, cin, cout):
        layers = []
        for c in (cin, cout):
            layers += [nn.Conv2d(c, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)]
        super().__init__(*layers)


class UNet(nn.Module):
    """Preset `bn`: double convolutions, 2x2 max pooling, nearest upsampling, concatenation [skip, up], 1x1 head."""

    def __init__(self, cin, classes, base, depth):
        super().__init__()
        width = [base << i for i in range(depth + 1)]
        self.down = nn.ModuleList(DoubleConv(cin if i == 0 else width[i - 1], width[i]) for i in range(depth + 1))
        self.up = nn.ModuleList(DoubleConv(width[i] + width[i + 1], width[i]) for i in range(depth))
        self.head = nn.Conv2d(base, classes, 1)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x):
        skips = []
        for i, block in enumerate(self.down):
            x = block(x if i == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        for block, skip in zip(reversed(self.up), reversed(skips[:-1])):
            x = block(torch.cat([skip, F.interpolate(x, size=skip.shape[2:], mode="nearest")], 1))
        return self.head(x)


def ce_plus_dice(logits, labels, ignore, weights=None, skip_absent=False, smooth=1.0):
    """Mean cross-entropy over the labelled pixels + 1 - mean over classes of the soft Dice pooled over the batch, both weighted by class; of the
    classes that the batch has, where absent ones are skipped."""
    if weights is None:
        weights = logits.new_ones(logits.shape[1])
    ce = F.cross_entropy(logits, labels, weights, ignore_index=ignore)
    valid = labels != ignore
    target = F.one_hot(torch.where(valid, labels, 0), logits.shape[1]).permute(0, 3, 1, 2) * valid[:, None]
    p = logits.softmax(1) * valid[:, None]
    inter, total = (p * target).sum((0, 2, 3)), (p + target).sum((0, 2, 3))
    if skip_absent:
        weights = weights * (target.sum((0, 2, 3)) > 0)
    return ce + 1 - (weights / weights.sum() * (2 * inter + smooth) / (total + smooth)).sum()


def enet_weights(labels, classes, ignore):
    """1 / ln(1.02 + the class's share of the labelled pixels) (Paszke et al. 2016)."""
    counts = torch.bincount(labels[labels != ignore].flatten().long(), minlength=classes).double()
    return (1 / torch.log(1.02 + counts / counts.sum())).float()


def load(root, split, size):
    """(N, H, W, 3) and (N, H, W) uint8: bilinear images, nearest masks; a mask of 0 and 255 is 0 and 1."""
    images, masks = [], []
    for line in (root / f"{split}.txt").read_text().split("\n"):
        if line.strip():
            image, mask = line.split()
            images.append(np.asarray(Image.open(root / image).convert("RGB").resize((size, size), Image.BILINEAR)))
            m = np.asarray(Image.open(root / mask).resize((size, size), Image.NEAREST))
            masks.append(m[..., 0] if m.ndim == 3 else m)
    masks = np.stack(masks)
    if set(np.unique(masks)) == {0, 255}:
        masks = masks // 255
    return torch.from_numpy(np.stack(images)), torch.from_numpy(masks)


def batch_of(images, masks, index, flips, layout):
    x = images[index].permute(0, 3, 1, 2).float().mul_(2 / 255).sub_(1)
    y = masks[index].long()
    for i in flips.nonzero().flatten().tolist():
        x[i], y[i] = x[i].flip(-1), y[i].flip(-1)
    return x.contiguous(memory_format=layout), y


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data", type=Path)
    p.add_argument("--epochs", type=int, required=True)
    p.add_argument("--stop-after", type=int, default=0, help="stop after this many epochs of the schedule (to measure the rate)")
    p.add_argument("--ignore", type=int, default=-100)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--size", type=int, default=256)
    p.add_argument("--batch", type=int, default=4)
    p.add_argument("--base", type=int, default=16)
    p.add_argument("--depth", type=int, default=4)
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--class-weights", choices=["none", "enet"], default="none")
    p.add_argument("--absent-classes", choices=["penalize", "skip"], default="penalize")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--layout", choices=["auto", "nchw", "nhwc"], default="auto")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    images, masks = load(a.data, "train", a.size)
    labels = [int(v) for v in torch.unique(masks) if v != a.ignore]
    classes = max(labels) + 1
    model = UNet(3, classes, a.base, a.depth).train()
    weights = enet_weights(masks, classes, a.ignore) if a.class_weights == "enet" else torch.ones(classes)

    def step(x, y, optimizer=None):
        loss = ce_plus_dice(model(x), y, a.ignore, weights, a.absent_classes == "skip")
        model.zero_grad(set_to_none=True)
        loss.backward()
        if optimizer:
            optimizer.step()
        return float(loss.detach())

    layouts = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}
    name = a.layout
    if name == "auto":  # two warm-up steps, then the better of three steps each; the weights are not touched
        state = {k: v.clone() for k, v in model.state_dict().items()}
        times = {}
        for name, layout in layouts.items():
            model.to(memory_format=layout)
            x, y = batch_of(images, masks, torch.arange(a.batch), torch.zeros(a.batch), layout)
            times[name] = min(timed(lambda: step(x, y)) for _ in range(5))
        model.load_state_dict(state)
        name = min(times, key=times.get)
    layout = layouts[name]
    model.to(memory_format=layout)
    steps = math.ceil(len(images) / a.batch)
    optimizer = torch.optim.Adam(model.parameters(), lr=a.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, a.lr, total_steps=steps * a.epochs, cycle_momentum=False)
    random = torch.Generator().manual_seed(a.seed)
    seconds, seen, losses = 0.0, 0, []
    for epoch in range(a.stop_after or a.epochs):
        start, total = time.perf_counter(), 0.0
        for index in torch.randperm(len(images), generator=random).split(a.batch):
            x, y = batch_of(images, masks, index, torch.rand(len(index), generator=random) < 0.5, layout)
            total += step(x, y, optimizer) * len(index)
            schedule.step()
            seen += len(index)
        seconds += time.perf_counter() - start
        losses.append(total / len(images))
    model.eval()
    confusion = torch.zeros(classes, classes, dtype=torch.int64)
    images, masks = load(a.data, "val", a.size)
    with torch.no_grad():
        for i in range(len(images)):
            x, y = batch_of(images, masks, torch.tensor([i]), torch.zeros(1), layout)
            valid = y != a.ignore
            confusion += torch.bincount(y[valid] * classes + model(x).argmax(1)[valid], minlength=classes**2).view(classes, classes)
    true_positive = confusion.diag().double()
    dice = 2 * true_positive / (confusion.sum(0) + confusion.sum(1)).clamp(min=1)
    print(json.dumps({
        "system": f"PyTorch {torch.__version__}", "layout": name, "seed": a.seed, "epochs": len(losses), "loss": losses[-1],
        "images_per_second": seen / seconds, "parameters": sum(p.numel() for p in model.parameters()),
        "dice": {"per_class": dice.tolist(), "macro": float(dice.mean()), "macro_foreground": float(dice[1:].mean())}}))


def timed(f):
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
