"""reduce.safetensors: torch's sum and mean over every set of axes of one tensor. Needs torch, safetensors."""
import itertools
import pathlib

import torch
from safetensors.torch import save_file

x = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
out = {"x": x}
for n in range(1, 5):
    for axes in itertools.combinations(range(4), n):
        name = "".join(map(str, axes))
        out["sum." + name], out["mean." + name] = x.sum(axes), x.mean(axes, keepdim=True)
save_file(out, pathlib.Path(__file__).parent / "reduce.safetensors")
