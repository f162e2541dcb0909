"""DeepLabV3+ with the ResNet-50 beta backbone in PyTorch, with Lamina's names: the other side of tests/golden/make_deeplab.py and of
compare_pytorch.py. After tensorflow/models research/deeplab: stride in the last unit of a block, low-level features of block 1's unit 2 before
its shortcut is added, image pooling first, align_corners grids, norm and ReLU between depthwise and 1x1. Needs torch."""
import math

import torch
import torch.nn.functional as F
from torch import nn


def norm(kind, channels, momentum):
    """kind: batch, frozen, or the number of groups that is wanted."""
    if isinstance(kind, int):
        return nn.GroupNorm(math.gcd(kind, channels), channels)
    return nn.BatchNorm2d(channels, momentum=momentum)


def same_pool(x):
    """TensorFlow's SAME 3x3 maximum of stride 2: the odd pixel at the bottom and right."""
    pads = []
    for size in (x.shape[3], x.shape[2]):
        total = max((math.ceil(size / 2) - 1) * 2 + 3 - size, 0)
        pads += [total // 2, total - total // 2]
    return F.max_pool2d(F.pad(x, pads, value=-math.inf), 3, 2)


class Bottleneck(nn.Module):
    def __init__(self, cin, width, stride, rate, kind, momentum):
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(cin, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, stride, rate, rate, bias=False)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        for i, channels in enumerate((width, width, 4 * width), 1):
            setattr(self, f"bn{i}", norm(kind, channels, momentum))
        if cin != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(cin, 4 * width, 1, stride, bias=False), norm(kind, 4 * width, momentum))

    def forward(self, x):
        shortcut = self.downsample(x) if hasattr(self, "downsample") else x[:, :, ::self.stride, ::self.stride]
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        self.branch = self.bn3(self.conv3(y))
        return F.relu(self.branch + shortcut)


class Backbone(nn.Module):
    def __init__(self, base, output_stride, multi_grid, kind, momentum):
        super().__init__()
        self.root = nn.Module()
        for i, (cin, cout, stride) in enumerate(((3, base, 2), (base, base, 1), (base, 2 * base, 1)), 1):
            setattr(self.root, f"conv{i}", nn.Conv2d(cin, cout, 3, stride, 1, bias=False))
            setattr(self.root, f"bn{i}", norm(kind, cout, momentum))
        cin, left, rate = 2 * base, output_stride // 4, 1
        for layer, units in enumerate((3, 4, 6, 3)):
            block = []
            for u in range(units):
                stride, used = (2 if u == units - 1 and layer < 3 else 1), rate
                if left < stride:
                    stride, rate = 1, rate * stride
                left //= stride
                block.append(Bottleneck(cin, base << layer, stride, used * (multi_grid[u] if layer == 3 else 1), kind, momentum))
                cin = 4 * (base << layer)
            setattr(self, f"layer{layer + 1}", nn.Sequential(*block))

    def forward(self, x):
        for i in (1, 2, 3):
            x = F.relu(getattr(self.root, f"bn{i}")(getattr(self.root, f"conv{i}")(x)))
        x = self.layer1(same_pool(x))
        low = self.layer1[1].branch
        return low, self.layer4(self.layer3(self.layer2(x)))


class Unit(nn.Module):
    """relu(norm(conv(x))), or the separable pair of those."""

    def __init__(self, cin, cout, kernel, rate, separable, kind, momentum):
        super().__init__()
        pad = rate * (kernel // 2)
        if separable:
            self.depthwise = nn.Conv2d(cin, cin, kernel, 1, pad, rate, cin, bias=False)
            self.depthwise_norm = norm(kind, cin, momentum)
            self.pointwise = nn.Conv2d(cin, cout, 1, bias=False)
        else:
            self.conv = nn.Conv2d(cin, cout, kernel, 1, pad, rate, bias=False)
        self.norm = norm(kind, cout, momentum)

    def forward(self, x):
        if hasattr(self, "conv"):
            return F.relu(self.norm(self.conv(x)))
        return F.relu(self.norm(self.pointwise(F.relu(self.depthwise_norm(self.depthwise(x))))))


class DeepLabV3Plus(nn.Module):
    """Logits at a quarter of the images' size. `pooling`: side of image pooling's windows of features; 0: the whole image."""

    def __init__(self, classes, base=64, output_stride=16, multi_grid=(1, 1, 1), rates=(6, 12, 18), separable=True, kind="batch", dropout=0.1,
                 pooling=0, momenta=(0.05, 0.0003)):
        super().__init__()
        self.pooling, self.dropout = pooling, dropout
        kind = base // 2 if kind == "group" else kind
        width, low = 4 * base, 3 * base // 4
        unit = lambda cin, cout, kernel, rate=1, s=separable: Unit(cin, cout, kernel, rate, s and kernel > 1, kind, momenta[1])
        self.backbone = Backbone(base, output_stride, multi_grid, kind, momenta[0])
        self.aspp = nn.Module()
        self.aspp.image_pooling = unit(32 * base, width, 1)
        self.aspp.aspp0 = unit(32 * base, width, 1)
        for i, rate in enumerate(rates, 1):
            setattr(self.aspp, f"aspp{i}", unit(32 * base, width, 3, rate))
        self.aspp.concat_projection = unit(5 * width, width, 1)
        self.decoder = nn.Module()
        self.decoder.feature_projection0 = unit(width, low, 1)
        self.decoder.decoder_conv0 = unit(width + low, width, 3)
        self.decoder.decoder_conv1 = unit(width, width, 3)
        self.logits = nn.Conv2d(width, classes, 1)
        if kind == "frozen":
            for m in self.modules():
                if isinstance(m, nn.BatchNorm2d):
                    m.train = lambda on=True, m=m: m
                    m.training = False

    def forward(self, x):
        resize = lambda y, to: F.interpolate(y, to.shape[2:], mode="bilinear", align_corners=True)
        low, high = self.backbone(x)
        a = self.aspp
        means = F.avg_pool2d(high, self.pooling) if self.pooling else high.mean((2, 3), keepdim=True)
        y = torch.cat([resize(a.image_pooling(means), high), a.aspp0(high), a.aspp1(high), a.aspp2(high), a.aspp3(high)], 1)
        y = F.dropout(a.concat_projection(y), self.dropout, self.training)
        d = self.decoder
        y = torch.cat([resize(y, low), d.feature_projection0(low)], 1)
        return self.logits(d.decoder_conv1(d.decoder_conv0(y)))
