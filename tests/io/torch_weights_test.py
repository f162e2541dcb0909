#!/usr/bin/env python3
"""Networks of PyTorch libraries, saved by them, converted by tools/pth_to_safetensors.py and loaded here: the tool keeps every tensor, and
outputs agree to 1e-5. usage: torch_weights_test.py IO_TESTS. Needs torch, safetensors, segmentation_models_pytorch and torchvision; exit code
77 without one of them, after what can be tested without it."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import torch
    from safetensors.torch import load_file, save_file
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)
from torch import nn

missing = []
ROOT = Path(__file__).resolve().parents[2]
SIZE = (64, 96)


class DoubleConv(nn.Module):
    """milesial/Pytorch-UNet's modules, by their names."""

    def __init__(self, cin, cout):
        super().__init__()
        layers = []
        for c in (cin, cout):
            layers += [nn.Conv2d(c, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU()]
        self.double_conv = nn.Sequential(*layers)

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(cin, cout))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, cin):
        super().__init__()
        self.up = nn.ConvTranspose2d(cin, cin // 2, 2, 2)
        self.conv = DoubleConv(cin, cin // 2)

    def forward(self, x, skip):
        x = self.up(x)
        dy, dx = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        return self.conv(torch.cat([skip, nn.functional.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])], 1))


class Out(nn.Module):
    def __init__(self, base, classes):
        super().__init__()
        self.conv = nn.Conv2d(base, classes, 1)

    def forward(self, x):
        return self.conv(x)


class UNet(nn.Module):
    def __init__(self, classes, base=64):
        super().__init__()
        self.inc = DoubleConv(3, base)
        for i in range(1, 5):
            setattr(self, f"down{i}", Down(base << (i - 1), base << i))
            setattr(self, f"up{i}", Up(base << (5 - i)))
        self.outc = Out(base, classes)

    def forward(self, x):
        skips = [self.inc(x)]
        for i in range(1, 5):
            skips.append(getattr(self, f"down{i}")(skips[-1]))
        x = skips.pop()
        for i in range(1, 5):
            x = getattr(self, f"up{i}")(x, skips.pop())
        return self.outc(x)


def networks():
    yield "milesial", UNet(3), {"model": "unet", "preset": "milesial"}
    try:
        import segmentation_models_pytorch as smp
        yield "smp_unet", smp.Unet("resnet50", encoder_weights=None, classes=3), {"model": "unet", "preset": "smp"}
        yield "smp_deeplab", smp.DeepLabV3Plus("resnet50", encoder_weights=None, classes=3), {"model": "deeplabv3plus", "preset": "smp"}
    except ImportError as e:
        missing.append(f"smp's networks ({e})")
    try:
        from torchvision.models.segmentation import deeplabv3_resnet50
        net = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=3, aux_loss=True)
        yield "torchvision_deeplab", net, {"model": "deeplabv3plus", "preset": "torchvision", "aux": "yes"}
    except ImportError as e:
        missing.append(f"torchvision's network ({e})")


def nhwc(t):
    return t.detach().permute(0, 2, 3, 1).contiguous()


def convert(source, target):
    return subprocess.run([sys.executable, ROOT / "tools/pth_to_safetensors.py", source, target], capture_output=True, text=True)


def nestings(folder):
    """Weights are found in what checkpoints hold; what has none is refused in a line, and nothing is written."""
    net, target = nn.Conv2d(3, 4, 3), folder / "nested.safetensors"
    state = net.state_dict()
    for content in ({"model_state_dict": state, "epoch": 3}, {"net": state}, {"ema": state, "loss": torch.zeros(1)}, {"model": {"state_dict": state}}):
        torch.save(content, folder / "net.pth")
        result = convert(folder / "net.pth", target)
        assert result.returncode == 0 and next(iter(content)) in result.stdout, result
        assert all(torch.equal(load_file(target)[key], value) for key, value in state.items())
    target.unlink()
    for content, word in ((net, "Conv2d"), ([state], "list"), ({"epoch": 3}, "epoch"), ({}, "nothing"), (None, "no file of torch.save"), ("", "No such file")):
        torch.save(content, folder / "net.pth")
        if content is None:
            (folder / "net.pth").write_bytes(b"{}")
        result = convert(folder / ("nowhere.pth" if content == "" else "net.pth"), target)
        assert result.returncode == 1 and word in result.stderr and result.stderr.count("\n") == 1, result
        assert not target.exists()


def main():
    torch.manual_seed(5)
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        nestings(folder)
        for name, net, model in networks():
            with torch.no_grad():
                for _ in range(3):  # running statistics of something
                    net.train()(torch.randn(2, 3, *SIZE))
                net.eval()
                images = torch.randn(2, 3, *SIZE)
                y = net(images)
            y = y if isinstance(y, dict) else {"out": y}
            outputs = {"output." + ("labels" if k == "out" else k): nhwc(v) for k, v in y.items()}
            state = net.state_dict()
            torch.save({"state_dict": {**state, "mask_values": [0, 1, 2]}, "epoch": 3}, folder / "net.pth")
            weights = folder / f"{name}.weights.safetensors"
            said = convert(folder / "net.pth", weights).stdout
            assert f"{len(state)} tensors" in said and "mask_values" in said, said
            written = load_file(weights)
            assert written.keys() == state.keys()
            for key, value in state.items():
                assert written[key].dtype == value.dtype and torch.equal(written[key], value), key
            save_file({"images": nhwc(images), **outputs}, folder / f"{name}.values.safetensors",
                      {"model": json.dumps({**model, "in_channels": 3, "classes": 3})})
            print(name, said.strip())
            done += 1
        env = dict(os.environ, LAMINA_TORCH_WEIGHTS=str(folder))
        result = subprocess.run([sys.argv[1], "-tc=networks that PyTorch saved*"], env=env, capture_output=True, text=True)
        print(result.stdout + result.stderr)
        assert result.returncode == 0 and "1 passed" in result.stdout
        assert result.stdout.count("agrees") == done


main()
if missing:
    print("skipped: " + "; ".join(missing))
    sys.exit(77)
