"""What the make_*.py scripts share: cases in double whose gradients PyTorch computes under a random cotangent. Needs torch, safetensors."""
import pathlib

import torch
from safetensors.torch import save_file


class Golden:
    """Collects cases and writes STEM.safetensors beside this file: CASE.INPUT, CASE.y, CASE.dy and CASE.dINPUT."""

    def __init__(self, stem, seed=1):
        self.stem, self.tensors, self.generator = stem, {}, torch.Generator().manual_seed(seed)

    def draw(self, *shape):
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def labels(self, shape, classes):
        return torch.randint(classes, shape, generator=self.generator)

    def add(self, case, f, **inputs):
        """y = f(inputs in order); inputs in double get gradients, others are stored as uint8 constants."""
        leaves = {k: v.clone().requires_grad_() for k, v in inputs.items() if v.dtype == torch.float64}
        y = f(*(inputs | leaves).values())
        dy = self.draw(*y.shape)
        grads = torch.autograd.grad(y, list(leaves.values()), dy)
        self.put(case, y=y, dy=dy, **{k: v if v.dtype == torch.float64 else v.to(torch.uint8) for k, v in inputs.items()},
                 **{"d" + k: g for k, g in zip(leaves, grads)})

    def put(self, case, **tensors):
        for name, t in tensors.items():
            self.tensors[f"{case}.{name}"] = t.detach().clone(memory_format=torch.contiguous_format)

    def save(self):
        save_file(self.tensors, pathlib.Path(__file__).parent / f"{self.stem}.safetensors")


def nchw(t):
    return t.permute(0, 3, 1, 2)


def nhwc(t):
    return t.permute(0, 2, 3, 1)
