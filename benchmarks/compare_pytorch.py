#!/usr/bin/env python3
"""Lamina and PyTorch in turn on this machine: training and inference of U-Nets and DeepLabV3+, a step of the colorization pair, and single
convolutions, as ratios.

    VENV/bin/python benchmarks/compare_pytorch.py [--rounds 3] [--json FILE]

Needs torch 2.x in the Python that runs it, and build/cpu/benchmarks/compare_lamina (cmake --build build/cpu --target
compare_lamina). Every case runs in fresh processes, ours and PyTorch's alternately; a process reports the median of its
repeats, a case the least of its rounds. PyTorch gets the faster of its two memory layouts. Peaks are the processes' VmHWM.
"""
import argparse
import json
import platform
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNETS = [("unet", mode, batch, size, base, 4, classes) for mode in ("train", "infer") for batch, size, base, classes in [(4, 256, 16, 2), (4, 256, 16, 11), (2, 256, 32, 32), (1, 256, 64, 2)]]
DEEPLABS = [("deeplab", mode, batch, size, preset, 9) for preset in ("beta-dense", "beta")
            for mode, batch, size in [("train", 4, 129), ("infer", 4, 129), ("train", 2, 513), ("infer", 1, 513)]]
PAIRS = [("pair", "step", 2, 513, "beta", "surrogate"), ("pair", "step", 4, 256, "unet", "patchgan")]
ASPP = [(2, 33, 2048, 256, 1, 1, 1), (2, 33, 1280, 256, 1, 1, 1)] + [(2, 33, 2048, 256, 3, 1, rate) for rate in (6, 12, 18)]
BLOCK4 = [(2, 33, 512, 512, 3, 1, rate) for rate in (2, 4, 8)]
DEPTHWISE = [(2, 33, 2048, 2048, 3, 1, rate, 2048) for rate in (6, 12, 18)] + [(2, 129, 304, 304, 3, 1, 1, 304)]
CONVS = [("conv", mode, *shape, *[1] * (8 - len(shape))) for shape in [
    (4, 256, 3, 16, 3, 1, 1), (4, 256, 16, 16, 3, 1, 1), (4, 256, 48, 16, 3, 1, 1), (4, 128, 32, 32, 3, 1, 1), (4, 128, 96, 32, 3, 1, 1), (4, 64, 64, 64, 3, 1, 1),
    (4, 64, 192, 64, 3, 1, 1), (4, 32, 128, 128, 3, 1, 1), (4, 16, 256, 256, 3, 1, 1), (2, 64, 256, 256, 3, 1, 1), (2, 32, 512, 512, 3, 1, 1), (4, 256, 16, 11, 1, 1, 1),
    (2, 33, 256, 256, 3, 1, 6), (2, 64, 64, 128, 3, 2, 1), *ASPP, *BLOCK4, *DEPTHWISE] for mode in ("forward", "backward")]


def network_case(model, mode, batch, size, classes, memory):
    """Logits, or a training step of cross-entropy and Dice at the images' size."""
    import torch
    from real_data_pytorch import ce_plus_dice
    model = model.to(memory_format=memory)
    x = torch.randn(batch, 3, size, size).contiguous(memory_format=memory)
    y = (torch.arange(batch * size * size) // 64 % classes).view(batch, size, size)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def infer():
        with torch.inference_mode():
            model.eval()(x)

    def train():
        optimizer.zero_grad(set_to_none=True)
        logits = model(x)
        if logits.shape[2:] != x.shape[2:]:
            logits = torch.nn.functional.interpolate(logits, x.shape[2:], mode="bilinear", align_corners=True)
        loss = ce_plus_dice(logits, y, -100)
        loss.backward()
        optimizer.step()
        loss.item()

    return infer if mode == "infer" else train


def pair_case(batch, size, generator, discriminator, memory):
    """A step of a colorizing pair in pix2pix's order: least squares and L1, as lamina colorize has them."""
    import torch
    from deeplab_pytorch import DeepLabV3Plus
    from real_data_pytorch import UNet
    from torch import nn
    F = torch.nn.functional
    g = UNet(3, 3, 16, 4) if generator == "unet" else DeepLabV3Plus(3, separable=generator == "beta")
    layers = [nn.Conv2d(6, 64, 4, 2, 1), nn.LeakyReLU(0.2)]
    for cin, cout, stride in [(64, 128, 2), (128, 256, 2), (256, 512, 1)] if discriminator == "patchgan" else [(64, 128, 2)]:
        layers += [nn.Conv2d(cin, cout, 4, stride, 1, bias=False), nn.BatchNorm2d(cout), nn.LeakyReLU(0.2)]
    d = nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 1, 1) if discriminator == "patchgan" else nn.Conv2d(128, 1, 4, 8, 1))
    g, d = g.to(memory_format=memory), d.to(memory_format=memory)
    adam_g, adam_d = (torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999)) for m in (g, d))
    photographs = torch.empty(batch, 3, size, size).uniform_(-1, 1).contiguous(memory_format=memory)

    def step():
        y = photographs
        gray = (0.299 * y[:, :1] + 0.587 * y[:, 1:2] + 0.114 * y[:, 2:]).repeat(1, 3, 1, 1)
        z = torch.tanh(g(gray))
        x, y = (t if t.shape == z.shape else F.interpolate(t, z.shape[2:], mode="bilinear", align_corners=True) for t in (gray, y))
        adam_d.zero_grad(set_to_none=True)
        fake, real = d(torch.cat([x, z.detach()], 1)), d(torch.cat([x, y], 1))
        (0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean()).backward()
        adam_d.step()
        d.requires_grad_(False)
        adam_g.zero_grad(set_to_none=True)
        loss = ((d(torch.cat([x, z], 1)) - 1) ** 2).mean() + F.l1_loss(z, y)
        loss.backward()
        adam_g.step()
        d.requires_grad_(True)
        loss.item()

    return step


def torch_case(case, layout, repeats, threads):
    """Runs one case in this process; the counterpart of compare_lamina.cpp."""
    import torch
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    sys.path.insert(0, str(ROOT / "benchmarks"))
    memory = torch.channels_last if layout == "nhwc" else torch.contiguous_format
    kind, mode, *numbers = case
    if kind == "unet":
        from real_data_pytorch import UNet
        batch, size, base, depth, classes = numbers
        run = network_case(UNet(3, classes, base, depth), mode, batch, size, classes, memory)
    elif kind == "deeplab":
        from deeplab_pytorch import DeepLabV3Plus
        batch, size, preset, classes = numbers
        run = network_case(DeepLabV3Plus(classes, separable=preset == "beta"), mode, batch, size, classes, memory)
    elif kind == "pair":
        run = pair_case(*numbers, memory)
    else:
        batch, size, cin, cout, k, stride, dilation, groups = numbers
        x = torch.randn(batch, cin, size, size).contiguous(memory_format=memory).requires_grad_(mode == "backward")
        w = (torch.randn(cout, cin // groups, k, k) * 0.05).contiguous(memory_format=memory).requires_grad_(mode == "backward")

        def forward():
            return torch.nn.functional.conv2d(x, w, stride=stride, padding=dilation * (k // 2), dilation=dilation, groups=groups)

        y = forward()
        dy = torch.randn_like(y)

        def run():
            if mode == "forward":
                forward()
            else:
                torch.autograd.grad(y, (x, w), dy, retain_graph=True)
    run()
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    return {"seconds": statistics.median(times), "peak_mb": peak / 1024}


def call(command):
    return json.loads(subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--lamina", type=Path, default=ROOT / "build/cpu/benchmarks/compare_lamina")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--repeats", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--only", default="", help="cases that contain this text")
    p.add_argument("--json", type=Path, help="also write the figures here")
    p.add_argument("--case", help=argparse.SUPPRESS)  # a child process: one PyTorch case
    p.add_argument("--layout", help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.case:
        print(json.dumps(torch_case(json.loads(a.case), a.layout, a.repeats, a.threads)))
        return
    import torch
    results = []
    print("| case | Lamina ms | PyTorch ms (layout) | ratio | peak MB Lamina | peak MB PyTorch |\n|---|---|---|---|---|---|")
    for case in UNETS + DEEPLABS + PAIRS + CONVS:
        name = " ".join(map(str, case))
        if a.only not in name:
            continue
        best = {}
        for _ in range(a.rounds):
            candidates = {"lamina": [a.lamina, *case, a.repeats, a.threads]}
            for layout in ("nchw", "nhwc"):
                candidates[layout] = [sys.executable, __file__, "--case", json.dumps(case), "--layout", layout, "--repeats", a.repeats, "--threads", a.threads]
            for key, command in candidates.items():
                r = call(command)
                if key not in best or r["seconds"] < best[key]["seconds"]:
                    best[key] = r
        layout = min(("nchw", "nhwc"), key=lambda k: best[k]["seconds"])
        ours, theirs = best["lamina"], best[layout]
        ratio = theirs["seconds"] / ours["seconds"]
        results.append({"case": name, "lamina": ours, "pytorch": theirs, "layout": layout, "ratio": ratio})
        print(f"| {name} | {1e3 * ours['seconds']:.2f} | {1e3 * theirs['seconds']:.2f} ({layout}) | {ratio:.2f} | {ours['peak_mb']:.0f} | {theirs['peak_mb']:.0f} |", flush=True)
    if a.json:
        cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
        a.json.write_text(json.dumps({"command": shlex.join(["benchmarks/compare_pytorch.py", *sys.argv[1:]]), "machine": f"{cpu}, {a.threads} threads", "pytorch": torch.__version__, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
