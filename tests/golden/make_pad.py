"""pad.safetensors: torch.nn.functional.pad, whose negative padding crops. Needs torch, safetensors."""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

x = torch.randn(2, 4, 5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()


def run(left, right, top, bottom, value=0.0):
    y = F.pad(x, (0, 0, left, right, top, bottom), value=value)  # torch lists the last axis first
    dy = torch.arange(y.numel(), dtype=torch.float64).view(y.shape)
    (dx,) = torch.autograd.grad(y, x, dy)
    return y.detach(), dx


out = {"x": x.detach()}
out["pad.y"], out["pad.dx"] = run(3, 1, 0, 2, value=-1.5)
out["crop.y"], out["crop.dx"] = run(-1, -2, -1, 0)
save_file({k: v.contiguous() for k, v in out.items()}, pathlib.Path(__file__).parent / "pad.safetensors")
