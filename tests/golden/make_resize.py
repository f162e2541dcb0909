#!/usr/bin/env python3
"""Writes resize.safetensors: torch.nn.functional.interpolate in its three modes, NHWC, double, with gradients."""
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(3)
out = {}
for name, (h, w), (ho, wo) in [("up", (5, 4), (20, 16)), ("down", (13, 12), (4, 5)), ("odd", (7, 9), (17, 6))]:
    x = torch.randn(2, h, w, 3, dtype=torch.float64)
    dy = torch.randn(2, ho, wo, 3, dtype=torch.float64)
    out[f"{name}.x"], out[f"{name}.dy"] = x, dy
    for mode, options in [("nearest", dict(mode="nearest")), ("half_pixel", dict(mode="bilinear", align_corners=False)), ("align_corners", dict(mode="bilinear", align_corners=True))]:
        leaf = x.clone().requires_grad_()
        y = F.interpolate(leaf.permute(0, 3, 1, 2), size=(ho, wo), **options).permute(0, 2, 3, 1)
        y.backward(dy)
        out[f"{name}.{mode}.y"], out[f"{name}.{mode}.dx"] = y.detach().contiguous(), leaf.grad.contiguous()
save_file(out, Path(__file__).parent / "resize.safetensors")
