#!/usr/bin/env python3
"""PyTorch's side of gpu_check.sh on a CUDA device: the ops of our benchmarks at their shapes, and training steps of a U-Net.

    VENV/bin/python benchmarks/gpu_pytorch.py ops OUT.json OURS.json ...   the rows `.../cuda/...` of our benchmarks' JSON output
    VENV/bin/python benchmarks/gpu_pytorch.py steps OUT.json MODE ...      MODE: eager_f32 | eager_bf16 | compile_bf16

Needs torch 2.1 or later with CUDA. Tensors are channels_last, cuDNN picks its fastest convolution, f32 is f32 (no tf32), bf16 ops work
on bf16 tensors and bf16 steps run under autocast. An op is timed like ours: by CUDA events around at least 16 calls, over sets of
tensors that the L2 cache does not hold together; the median of five readings. Writes JSON: {name: seconds}.
"""
import json
import math
import re
import statistics
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent))
from real_data_pytorch import UNet, ce_plus_dice  # noqa: E402

BEYOND_L2, MOST_SETS, CALLS, READINGS = 192e6, 64, 16, 5


def maps(n, h, c, dtype):
    return torch.randn(n, c, h, h, device="cuda").to(dtype).contiguous(memory_format=torch.channels_last)


def batch_norm(x, gamma, beta, mean, var):
    return F.batch_norm(x, mean, var, gamma, beta, training=True)


def resize(mode, **corners):
    return lambda a, dtype: ([maps(a["n"], a["h"], a["c"], dtype)], lambda x: F.interpolate(x, size=(a["to"], a["to"]), mode=mode, **corners))


def on_maps(function, count=1, channels=()):
    """A case over `count` feature maps, then f32 vectors of one value a channel."""
    return lambda a, dtype: ([*(maps(a["n"], a["h"], a["c"], dtype) for _ in range(count)), *(torch.full((a["c"],), float(v), device="cuda") for v in channels)], function)


def convolution(a, dtype):
    x = maps(a["n"], a["h"], a["cin"], dtype)
    w = (0.1 * torch.randn(a["cout"], a["cin"] // a["groups"], a["k"], a["k"], device="cuda")).to(dtype).contiguous(memory_format=torch.channels_last)
    return [x, w], lambda x, w: F.conv2d(x, w, padding=a["d"] * (a["k"] // 2), dilation=a["d"], groups=a["groups"])


def transposed_convolution(a, dtype):
    x = maps(a["n"], a["h"], a["c"], dtype)
    w = (0.1 * torch.randn(a["c"], a["c"] // 2, a["k"], a["k"], device="cuda")).to(dtype).contiguous(memory_format=torch.channels_last)
    return [x, w], lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=(a["k"] - 2) // 2)


def loss(a, dtype):
    size = a.get("to", a["h"])
    labels = torch.randint(0, a["c"], (a["n"], size, size), device="cuda")
    large = (lambda x: F.interpolate(x, size=(size, size), mode="bilinear")) if "to" in a else lambda x: x
    return [maps(a["n"], a["h"], a["c"], dtype)], lambda x: ce_plus_dice(large(x), labels, -100)


def update(make):
    def case(a, dtype):
        parameters = [p.detach().to(dtype).requires_grad_() for p in UNet(3, 2, a["base"], 4).cuda().parameters()]
        for p in parameters:
            p.grad = torch.randn_like(p)
        optimizer = make(parameters)
        return [], lambda: optimizer.step()
    return case


# Name in our benchmarks, without the pass: (inputs, function). What PyTorch has no counterpart of is left out.
OPS = {
    "relu": on_maps(F.relu),
    "leaky_relu": on_maps(lambda x: F.leaky_relu(x, 0.2)),
    "sigmoid": on_maps(torch.sigmoid),
    "tanh": on_maps(torch.tanh),
    "add": on_maps(torch.add, 2),
    "sub": on_maps(torch.sub, 2),
    "mul": on_maps(torch.mul, 2),
    "scale": on_maps(lambda x: x * 0.5 + 2),
    "copy": on_maps(torch.clone),
    "convert": on_maps(lambda x: x.to(torch.float32 if x.dtype == torch.bfloat16 else torch.bfloat16)),
    "argmax": on_maps(lambda x: x.argmax(1)),
    "all_finite": on_maps(lambda x: torch.isfinite(x).all().item()),
    "softmax": on_maps(lambda x: F.softmax(x, 1)),
    "log_softmax": on_maps(lambda x: F.log_softmax(x, 1)),
    "batch_norm2d": on_maps(lambda x, *p: F.relu(batch_norm(x, *p)), 1, (1, 0, 0, 1)),
    "batch_norm2d_residual": on_maps(lambda x, r, *p: F.relu(batch_norm(x, *p) + r), 2, (1, 0, 0, 1)),
    "group_norm": on_maps(lambda x, g, b: F.group_norm(x, 8, g.to(x.dtype), b.to(x.dtype)), 1, (1, 0)),
    "dropout": on_maps(lambda x: F.dropout(x, 0.5)),
    "dropout_channels": on_maps(lambda x: F.dropout2d(x, 0.5)),
    "max_pool2d": on_maps(lambda x: F.max_pool2d(x, 2)),
    "avg_pool2d": on_maps(lambda x: F.avg_pool2d(x, 2)),
    "mean_all": on_maps(torch.mean),
    "mean_image": on_maps(lambda x: x.mean((2, 3))),
    "mean_channels": on_maps(lambda x: x.mean(1)),
    "pad": on_maps(lambda x: F.pad(x, (2, 2, 2, 2))),
    "crop": lambda a, dtype: ([maps(a["n"], a["h"] + 4, a["c"], dtype)], lambda x: x[:, :, 2:-2, 2:-2].contiguous(memory_format=torch.channels_last)),
    "concat": lambda a, dtype: ([maps(a["n"], a["h"], a["c"], dtype), maps(a["n"], a["h"], 2 * a["c"], dtype)], lambda x, y: torch.cat((x, y), 1)),
    "resize_nearest": resize("nearest"),
    "resize_bilinear": resize("bilinear", align_corners=False),
    "resize_bilinear_corners": resize("bilinear", align_corners=True),
    "conv2d": convolution,
    "conv_transpose2d": transposed_convolution,
    "segmentation_loss": loss,
    "l1_loss": on_maps(F.l1_loss, 2),
    "mse_loss": on_maps(F.mse_loss, 2),
    "smooth_l1_loss": on_maps(F.smooth_l1_loss, 2),
    "adam": update(lambda p: torch.optim.Adam(p, lr=1e-3, fused=True)),
    "sgd": update(lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, fused=True)),
}
# Which inputs a backward pass differentiates; all of them otherwise.
WANTED = {"backward_data": [0], "backward_weights": [1]}


def seconds_of(calls):
    """The median of READINGS times of a call, over the sets in turn."""
    rounds = len(calls) * math.ceil(CALLS / len(calls))
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    results, times = [None] * len(calls), []
    for reading in range(-1, READINGS):  # one that does not count
        start.record()
        for i in range(rounds):
            results[i % len(calls)] = calls[i % len(calls)]()
        end.record()
        end.synchronize()
        if reading >= 0:
            times.append(start.elapsed_time(end) / rounds / 1e3)
    return statistics.median(times)


def one_call(op, pass_name, arguments, dtype):
    inputs, function = OPS[op](arguments, dtype)
    if not pass_name.startswith("backward"):
        return lambda: function(*inputs)
    floating = [t for t in inputs if t.is_floating_point()]
    if op.startswith("batch_norm2d"):
        floating = floating[:-2]  # not the running statistics
    elif op in ("l1_loss", "mse_loss", "smooth_l1_loss"):
        floating = floating[:1]  # not the target
    wanted = [floating[i] for i in WANTED.get(pass_name, range(len(floating)))]
    for t in wanted:
        t.requires_grad_()
    y = function(*inputs)
    dy = torch.randn_like(y)
    return lambda: torch.autograd.grad(y, wanted, dy, retain_graph=True)


def rows_of(path):
    """The rows of our benchmark's output; none where it was stopped while it wrote them."""
    try:
        return json.loads(Path(path).read_text())["benchmarks"]
    except json.JSONDecodeError:
        return []


def measured(path):
    """The times that earlier calls took with this PyTorch: what to go on from."""
    try:
        data = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):  # or the call was stopped while it wrote
        return {}
    return data["seconds"] if data["pytorch"] == torch.__version__ else {}


def ops(out, ours):
    """Goes on where an earlier call was stopped."""
    target = Path(out)
    found = measured(target)
    for path in ours:
        for row in rows_of(path):
            parts = row["name"].removesuffix("/manual_time").split("/")
            split = re.fullmatch(r"(\w+?)(?:_(forward|backward_data|backward_weights|backward))?", parts[0])
            arguments = dict(p.split(":") for p in parts[1:-2] if ":" in p)
            if parts[-2] != "cuda" or split[1] not in OPS or "error_occurred" in row or row["name"] in found:
                continue
            dtype = torch.bfloat16 if parts[-1] == "bf16" else torch.float32
            sets = min(MOST_SETS, max(2, math.ceil(BEYOND_L2 / (1e3 * row.get("GB/s", 1) * row["real_time"]))))  # real_time: microseconds
            try:
                calls = [one_call(split[1], split[2] or "", {k: int(v) for k, v in arguments.items()}, dtype) for _ in range(sets)]
                found[row["name"]] = seconds_of(calls)
            except RuntimeError as error:  # an op that PyTorch lacks for this type, or too little memory
                print(f"{row['name']}: {str(error).splitlines()[0]}", file=sys.stderr)
            calls = None
        target.write_text(json.dumps({"pytorch": torch.__version__, "cudnn": torch.backends.cudnn.version(), "seconds": found}, indent=1) + "\n")


def steps(out, modes):
    """Training steps at (batch, size, base, classes) of depth 4; the same cases as gpu_check.sh runs with compare_lamina. Goes on
    where an earlier call was stopped."""
    path = Path(out)
    found = measured(path)
    for mode in modes:
        for batch, size, base, classes in ((4, 256, 16, 12), (8, 256, 64, 32)):
            name = f"{mode} {batch}_{size}_{base}_4_{classes}"
            if name in found:
                continue
            torch.compiler.reset()  # or the second case would be compiled for any batch size, which is slower
            torch.manual_seed(1)
            model = UNet(3, classes, base, 4).cuda().to(memory_format=torch.channels_last)
            x = torch.randn(batch, 3, size, size, device="cuda").contiguous(memory_format=torch.channels_last)
            y = (torch.arange(batch * size * size, device="cuda") // 64 % classes).view(batch, size, size)
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

            def forward_loss():
                with torch.autocast("cuda", torch.bfloat16, enabled=mode.endswith("bf16")):
                    logits = model(x)
                return ce_plus_dice(logits.float(), y, -100)

            compute = torch.compile(forward_loss, dynamic=False) if mode.startswith("compile") else forward_loss

            def step():
                optimizer.zero_grad(set_to_none=True)
                compute().backward()
                optimizer.step()

            found[name] = seconds_of([step] * 10)
            path.write_text(json.dumps({"pytorch": torch.__version__, "seconds": found}, indent=1) + "\n")


def main():
    if len(sys.argv) < 4 or sys.argv[1] not in ("ops", "steps"):
        sys.exit(__doc__)
    if not torch.cuda.is_available():
        sys.exit("gpu_pytorch.py: this PyTorch sees no CUDA device")
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    (ops if sys.argv[1] == "ops" else steps)(sys.argv[2], sys.argv[3:])


main()
