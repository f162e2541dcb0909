#!/usr/bin/env python3
"""usage: pth_to_safetensors.py IN.pth OUT.safetensors

Writes the tensors of a PyTorch checkpoint, by their names, as lamina train --init reads them. Only tensors are unpickled (weights_only); of a
checkpoint that holds more, "state_dict" or "model" is taken. What is no tensor is left out and named. Needs torch and safetensors."""
import sys

import torch
from safetensors.torch import save_file

if len(sys.argv) != 3:
    sys.exit(__doc__)
state = torch.load(sys.argv[1], map_location="cpu", weights_only=True)
for key in ("state_dict", "model"):
    if isinstance(state.get(key), dict):
        state = state[key]
tensors = {k: v.clone().contiguous() for k, v in state.items() if isinstance(v, torch.Tensor)}
left = [k for k in state if k not in tensors]
save_file(tensors, sys.argv[2])
print(f"{len(tensors)} tensors" + (f"; left out, no tensors: {', '.join(map(str, left))}" if left else ""))
