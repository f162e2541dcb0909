#!/usr/bin/env python3
"""usage: pth_to_safetensors.py IN.pth OUT.safetensors

Writes the tensors of a PyTorch checkpoint, by their names, as lamina train --init reads them. Only tensors are unpickled (weights_only). Of a
checkpoint that holds more, the weights are looked for in it ("state_dict", "model", "ema" and others), also below each other; what is taken,
and what is no tensor and left out, is said. Needs torch and safetensors."""
import pickle
import re
import sys

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

NESTS = ("state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "generator", "ema", "model_ema", "params_ema",
         "params", "weights")
SAVE = "save its weights with torch.save(model.state_dict(), FILE) where its code is, and convert that"


def weights_of(content):
    """The dictionary of weights and the names above it: of several, the first of NESTS."""
    if not isinstance(content, dict):
        return None
    for key in NESTS:
        if found := weights_of(content.get(key)):
            return found[0], [key, *found[1]]
    return (content, []) if any(isinstance(v, torch.Tensor) for v in content.values()) else None


def read(path):
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as e:
        sys.exit(f"{path}: {e.strerror or e}")
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as e:
        if unsafe := re.search(r"(?:GLOBAL|class|global) ([\w.]*\.[\w.]+\w)", str(e)):
            sys.exit(f"{path}: it holds a {unsafe[1]}, and only tensors are unpickled, as objects can run code; {SAVE}")
        sys.exit(f"{path}: no file of torch.save, or a damaged one ({str(e).split('. ')[0].splitlines()[0] if str(e) else type(e).__name__})")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    content = read(sys.argv[1])
    found = weights_of(content)
    if not found:
        held = f"a dictionary of {', '.join(map(str, content)) or 'nothing'}" if isinstance(content, dict) else f"an object of type {type(content).__name__}"
        sys.exit(f"{sys.argv[1]}: it holds no weights by name, but {held}; {SAVE}")
    state, where = found
    others = [k for k in NESTS if where and k != where[0] and weights_of(content.get(k))]
    try:
        tensors = {str(k): v.clone().contiguous() for k, v in state.items() if isinstance(v, torch.Tensor)}
        save_file(tensors, sys.argv[2])
    except (OSError, RuntimeError, SafetensorError) as e:
        sys.exit(f"{sys.argv[2]} is not written: {e}")
    left = [str(k) for k in state if str(k) not in tensors]
    print(f"{len(tensors)} tensors" + (f" of {'.'.join(where)}" if where else "") +
          (f"; left out, no tensors: {', '.join(left)}" if left else "") + (f"; not taken: {', '.join(others)}" if others else ""))


main()
