"""softmax.safetensors: torch's softmax and log_softmax over the last axis, with gradients. Needs torch, safetensors."""
import pathlib

import torch
from safetensors.torch import save_file

g = torch.Generator().manual_seed(4)
x = torch.randn(2, 3, 4, 9, generator=g, dtype=torch.float64) * 10
x[0, 0, 0] += 1e4  # overflows unless the maximum is subtracted
x[0, 0, 1] -= 1e4
x[0, 0, 2, 0] = 800  # the other probabilities underflow, their logarithms do not
x[0, 0, 3, 4] = -float("inf")
dy = torch.randn(x.shape, generator=g, dtype=torch.float64)
out = {"x": x.clone(), "dy": dy}
for op in "softmax", "log_softmax":
    leaf = x.clone().requires_grad_()
    y = getattr(torch, op)(leaf, -1)
    y.backward(dy)
    out[op + ".y"], out[op + ".dx"] = y.detach(), leaf.grad
save_file(out, pathlib.Path(__file__).parent / "softmax.safetensors")
