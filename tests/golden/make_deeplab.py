#!/usr/bin/env python3
"""Writes deeplab.safetensors: DeepLabV3+ of benchmarks/deeplab_pytorch.py at base 4, in double. Weights, images and labels are a hash of their
names and indices, which tests/train/golden_deeplab_test.cpp computes too, so that only results are stored: logits in evaluation, then two
training steps of SGD: losses, the norm of every gradient of the first (by name), logits in evaluation after them. Needs torch, numpy and
safetensors."""
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "benchmarks"))
from deeplab_pytorch import DeepLabV3Plus  # noqa: E402

torch.set_num_threads(1)
CLASSES = 4
CASES = {  # options, images (N, H, W)
    "separable": (dict(multi_grid=(1, 2, 4)), (3, 33, 33)),
    "dense_frozen": (dict(separable=False, output_stride=8, rates=(2, 3, 5), kind="frozen"), (1, 33, 41)),
    "group_even": (dict(separable=True, rates=(1, 2, 3), kind="group"), (1, 48, 38)),
    "crop_pooling": (dict(separable=False, output_stride=8, rates=(2, 3, 5), pooling=2), (2, 33, 25)),
}
# Of 60 salts (--search) one whose activations stay far from where ReLU and maxima switch, and none of whose gradients is next to nothing beside
# what it is the sum of: there float would have other gradients than double, whoever computes them.
SALTS = {"separable": 34, "dense_frozen": 42, "group_even": 58, "crop_pooling": 17}


class Margin:
    """Smallest distance from zero that ReLU saw, and between the two largest pixels of a pooling window."""

    def __init__(self):
        self.value, self.relu, self.pool = float("inf"), F.relu, F.max_pool2d

    def see(self, distance):
        if distance.numel():
            self.value = min(self.value, float(distance.min()))

    def __enter__(self):
        def relu(x):
            self.see(x.detach().abs())
            return self.relu(x)

        def pool(x, kernel, stride):
            windows = x.detach().unfold(2, kernel, stride).unfold(3, kernel, stride).flatten(4)
            first, second = windows.topk(2, -1).values.unbind(-1)
            self.see((first - second)[first > 0])
            return self.pool(x, kernel, stride)
        F.relu, F.max_pool2d = relu, pool
        return self

    def __exit__(self, *_):
        F.relu, F.max_pool2d = self.relu, self.pool


def splitmix(z):
    with np.errstate(over="ignore"):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def bits(name, count):
    """64 hashed bits for each index: splitmix64 of the FNV-1a hash of the name plus steps of the golden ratio."""
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    with np.errstate(over="ignore"):
        return splitmix(np.uint64(h) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))


def uniform(name, shape):
    """In [-1, 1), multiples of 2^-23, in PyTorch's order of the elements."""
    count = int(np.prod(shape, dtype=np.int64))
    values = (bits(name, count) >> np.uint64(40)).astype(np.float64) / 2.0**23 - 1
    return torch.from_numpy(values.reshape(shape))


def value(name, t):
    """Branches add little, as at the start of training with zero-initialised residuals: from such weights float stays near double (a ReLU that
    switches in one of them alone would show in every gradient before it)."""
    if t.dim() == 4:
        return uniform(name, t.shape) * (6.0 / t[0].numel()) ** 0.5
    u = uniform(name, t.shape)
    if name.endswith("running_var"):
        return 1 + 0.5 * u
    if name.endswith("bn3.weight"):
        return 0.1 + 0.05 * u
    return 0.9 + 0.2 * u if name.endswith("weight") else 0.15 + 0.2 * u


def run(case, salt, dtype=torch.float64):
    options, (n, h, w) = CASES[case]
    salted, out = f"{salt}.", {}
    model = DeepLabV3Plus(CLASSES, base=4, dropout=0, **options).double()
    model.load_state_dict({k: v if v.dtype == torch.int64 else value(salted + k, v) for k, v in model.state_dict().items()})
    model = model.to(dtype)
    images = uniform(salted + "images", (n, 3, h, w)).to(dtype)
    labels = torch.from_numpy((bits(salted + "labels", n * h * w) % np.uint64(CLASSES)).astype(np.int64).reshape(n, h, w))
    labels[:, :3] = 255
    evaluate = lambda: model.eval()(images).detach().permute(0, 2, 3, 1).contiguous()
    with Margin() as margin:
        out[case + ".logits"] = evaluate()
        model.train()
        sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        losses = []
        for step in range(2):
            logits = F.interpolate(model(images), (h, w), mode="bilinear", align_corners=True)
            loss = F.cross_entropy(logits, labels, ignore_index=255)
            sgd.zero_grad()
            loss.backward()
            if step == 0:
                out[case + ".norms"] = torch.stack([p.grad.norm() for _, p in sorted(model.named_parameters())])
            sgd.step()
            losses.append(loss.detach())
        out[case + ".losses"] = torch.stack(losses)
        out[case + ".logits_after"] = evaluate()
    return out, margin.value


if __name__ == "__main__":
    if sys.argv[1:] == ["--search"]:
        for case in CASES:
            found = []
            for salt in range(60):
                (results, margin), (floats, _) = run(case, salt), run(case, salt, torch.float32)
                norms = results[case + ".norms"]
                found.append((float(((floats[case + ".norms"] - norms).abs() / norms).nan_to_num(1).max()), margin, salt))
            print(case, "error of a gradient's norm in float, margin, salt:", sorted(found)[:5], flush=True)
        sys.exit()
    tensors = {}
    for case, salt in SALTS.items():
        results, margin = run(case, salt)
        tensors |= results
        print(case, "losses", [round(float(v), 4) for v in results[case + ".losses"]], "margin", margin, "smallest gradient norm",
              float(results[case + ".norms"].min()))
    save_file(tensors, HERE / "deeplab.safetensors")
