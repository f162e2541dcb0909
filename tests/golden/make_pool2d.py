"""pool2d.safetensors: torch.nn.functional.avg_pool2d and its gradient, in NHWC. Needs torch, safetensors."""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

g = torch.Generator().manual_seed(6)
x = torch.randn(2, 7, 6, 3, generator=g, dtype=torch.float64).requires_grad_()
out = {"x": x.detach()}
cases = {
    "plain": dict(kernel_size=2, stride=2),
    "with_padding": dict(kernel_size=3, stride=2, padding=1),
    "without_padding": dict(kernel_size=3, stride=2, padding=1, count_include_pad=False),
    "overlap": dict(kernel_size=4, stride=1, padding=(2, 1), count_include_pad=False),
}
for name, options in cases.items():
    y = F.avg_pool2d(x.permute(0, 3, 1, 2), **options).permute(0, 2, 3, 1)
    dy = torch.randn(y.shape, generator=g, dtype=torch.float64)
    (dx,) = torch.autograd.grad(y, x, dy)
    out |= {f"{name}.{k}": v.detach().contiguous() for k, v in (("y", y), ("dy", dy), ("dx", dx))}
save_file(out, pathlib.Path(__file__).parent / "pool2d.safetensors")
