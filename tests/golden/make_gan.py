#!/usr/bin/env python3
"""Writes gan.safetensors: updates of a colorizing pair as pytorch-CycleGAN-and-pix2pix makes them, in double: for each loss the losses and the
norms of every tensor's gradient at each step, and the tensors after the last. Weights and images come from an integer hash of their names
and indices, which tests/train/gan_golden_test.cpp computes too. Needs torch, numpy, pillow and safetensors."""
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "benchmarks"))
from real_data_pytorch import UNet  # noqa: E402

STEPS, BASE = 3, 4
SLOPE = 0.2


def fnv1a(text):
    h = 2166136261
    for byte in text.encode():
        h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    return h


def hashed(name, shape):
    """Numbers in [-1, 1), multiples of 2^-23: a hash of the name and the element's index, channels first."""
    i = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    h = (i * np.uint64(2654435761) + np.uint64(fnv1a(name))) & mask
    h ^= h >> np.uint64(16)
    h = h * np.uint64(2246822519) & mask
    h ^= h >> np.uint64(13)
    h = h * np.uint64(3266489917) & mask
    h ^= h >> np.uint64(16)
    return torch.from_numpy((h >> np.uint64(8)).astype(np.float64) * 2.0**-23 - 1).reshape(shape)


def lamina_name(name):
    """The name of a tensor of real_data_pytorch.UNet in Lamina."""
    part, *rest = name.split(".")
    if part == "head":
        return name
    level, index, kind = rest
    layer = ("conv" if int(index) % 3 == 0 else "norm") + str(int(index) // 3 + 1)
    return ".".join(["merge" if part == "up" else part, level, layer, kind])


def fill(module, prefix, rename=lambda n: n):
    for name, t in module.named_parameters():
        name = prefix + rename(name)
        scale = t.dim() == 1 and name.endswith("weight")
        with torch.no_grad():
            t.copy_(0.25 * hashed(name, tuple(t.shape)) + (1 if scale else 0.5 if name == "discriminator.model.5.bias" else 0))


class Discriminator(nn.Module):
    """n_layers = 1: 16x16 patches."""

    def __init__(self, channels):
        super().__init__()
        self.model = nn.Sequential(nn.Conv2d(channels, BASE, 4, 2, 1), nn.LeakyReLU(SLOPE), nn.Conv2d(BASE, 2 * BASE, 4, 1, 1, bias=False),
                                   nn.BatchNorm2d(2 * BASE), nn.LeakyReLU(SLOPE), nn.Conv2d(2 * BASE, 1, 4, 1, 1))

    def forward(self, x):
        return self.model(x)


def mao(a, b, c):
    return (lambda real, fake, y, z: 0.5 * (((fake - a) ** 2).mean() + ((real - b) ** 2).mean()), lambda fake: ((fake - c) ** 2).mean())


def bce(scores, target):
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, target))


def loss_of(scores):
    return F.relu(scores.mean(dim=(1, 2, 3)))


def qi(margin, real_weight):
    def of_d(real, fake, y, z):
        delta = margin * (y - z).abs().sum(dim=(1, 2, 3))
        return real_weight * loss_of(real).mean() + F.relu(delta + loss_of(real) - loss_of(fake)).mean()

    return of_d, lambda fake: loss_of(fake).mean()


CASES = {  # losses of D and G, the distance, its weight, gray channels of D
    "vanilla": (lambda r, f, y, z: 0.5 * (bce(f, 0.0) + bce(r, 1.0)), lambda f: bce(f, 1.0), F.l1_loss, 1.0, 3),
    "mao": (*mao(0, 1, 1), F.l1_loss, 1.0, 3),
    "mao_l2": (*mao(-1, 1, 0), F.mse_loss, 100.0, 1),
    "qi": (*qi(2e-3, 0.25), F.l1_loss, 1.0, 3),
}
out = {}
for case, (loss_d, loss_g, distance, weight, grays) in CASES.items():
    g, d = UNet(3, 3, BASE, 2).double().train(), Discriminator(grays + 3).double().train()
    fill(g, "generator.", lamina_name)
    fill(d, "discriminator.")
    adam_g, adam_d = (torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999)) for m in (g, d))
    losses, norms = [], {}
    for step in range(STEPS):
        y = hashed(f"image{step}", (2, 3, 20, 24))
        gray = (0.299 * y[:, :1] + 0.587 * y[:, 1:2] + 0.114 * y[:, 2:]).float().double()
        x, condition = gray.repeat(1, 3, 1, 1), gray.repeat(1, grays, 1, 1)
        z = torch.tanh(g(x))
        adam_d.zero_grad()
        fake = d(torch.cat([condition, z.detach()], 1))
        real = d(torch.cat([condition, y], 1))
        of_d = loss_d(real, fake, y, z.detach())
        of_d.backward()
        adam_d.step()
        for p in d.parameters():
            p.requires_grad_(False)
        adam_g.zero_grad()
        gan, reconstruction = loss_g(d(torch.cat([condition, z], 1))), distance(z, y)
        of_g = gan + weight * reconstruction
        of_g.backward()
        adam_g.step()
        for p in d.parameters():
            p.requires_grad_(True)
        losses.append(torch.stack([of_g, gan, reconstruction, of_d]).detach())
        for prefix, m, rename in (("generator.", g, lamina_name), ("discriminator.", d, lambda n: n)):
            for name, p in m.named_parameters():
                norms.setdefault(prefix + rename(name), []).append(p.grad.norm())
    out[case + ".losses"] = torch.stack(losses)
    for name, values in norms.items():
        out[f"{case}.norms.{name}"] = torch.stack(values)
    if case == "mao":
        for prefix, m, rename in (("generator.", g, lamina_name), ("discriminator.", d, lambda n: n)):
            for name, t in m.state_dict().items():
                if "num_batches" not in name:
                    out["mao.after." + prefix + rename(name)] = (t.permute(0, 2, 3, 1) if t.dim() == 4 else t).contiguous()
    print(case, [[round(float(v), 5) for v in row] for row in losses])
save_file(out, HERE / "gan.safetensors")
