"""group_norm.safetensors: torch.nn.functional.group_norm and its gradients, in NHWC. Needs torch, safetensors."""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

g = torch.Generator().manual_seed(2)


def draw(*shape):
    return torch.randn(*shape, generator=g, dtype=torch.float64)


out = {}
for name, groups, epsilon in ("layer", 1, 1e-5), ("group", 3, 1e-2), ("instance", 6, 1e-5):
    x, gamma, beta = (t.requires_grad_() for t in (draw(2, 3, 5, 6) * 2 + 3, draw(6), draw(6)))
    y = F.group_norm(x.permute(0, 3, 1, 2), groups, gamma, beta, epsilon).permute(0, 2, 3, 1)
    dy = draw(*y.shape)
    grads = torch.autograd.grad(y, (x, gamma, beta), dy)
    out |= {f"{name}.{k}": v.detach().contiguous() for k, v in
            zip(("x", "gamma", "beta", "y", "dy", "dx", "dgamma", "dbeta"), (x, gamma, beta, y, dy, *grads))}
save_file(out, pathlib.Path(__file__).parent / "group_norm.safetensors")
