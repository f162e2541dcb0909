"""regression_loss.safetensors: torch's l1_loss, mse_loss and smooth_l1_loss (beta 0.75) of two images, with gradients of both; sums also with weights. Needs torch, safetensors."""
import pathlib

import torch
from safetensors.torch import save_file

g = torch.Generator().manual_seed(6)
x, target = torch.randn(2, 3, 5, 4, generator=g, dtype=torch.float64), torch.randn(2, 3, 5, 4, generator=g, dtype=torch.float64)
weights = torch.rand(2, 3, 5, 4, generator=g, dtype=torch.float64)
weights[1, 0] = 0
target[0, 0, 0] = x[0, 0, 0]  # where l1 has no slope
out = {}
for op in "l1_loss", "mse_loss", "smooth_l1_loss":
    for reduction in "mean", "sum", "weighted":
        leaves = [t.clone().requires_grad_() for t in (x, target)]
        known = {"reduction": "none" if reduction == "weighted" else reduction} | ({"beta": 0.75} if op == "smooth_l1_loss" else {})
        y = getattr(torch.nn.functional, op)(*leaves, **known)
        if reduction == "weighted":
            y = (weights * y).sum()
        dy = torch.tensor(-1.75, dtype=torch.float64)
        y.backward(dy)
        values = {"x": x, "target": target, "y": y.detach(), "dy": dy, "dx": leaves[0].grad, "dtarget": leaves[1].grad}
        out |= {f"{op}.{reduction}.{name}": t.clone() for name, t in values.items()}
save_file(out | {"weights": weights}, pathlib.Path(__file__).parent / "regression_loss.safetensors")
