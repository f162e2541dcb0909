#!/usr/bin/env python3
"""Writes training.safetensors: the first steps of the network, loss, optimiser and schedule of benchmarks/real_data_pytorch.py, small and in
double: initial weights by Lamina's names and layout, images, labels (255: ignored; class 3 is absent), the loss of every step and the
evaluation logits after the last. Needs torch, numpy, pillow and safetensors."""
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "benchmarks"))
from real_data_pytorch import UNet, ce_plus_dice  # noqa: E402

STEPS, CLASSES = 8, 4
torch.manual_seed(11)
model = UNet(3, CLASSES, 4, 2).train()  # f32 weights, so that both sides start from the same numbers
out = {}
for name, t in model.state_dict().items():
    part, *rest = name.split(".")
    if part != "head":
        level, index, kind = rest
        layer = ("conv" if int(index) % 3 == 0 else "norm") + str(int(index) // 3 + 1)
        name = ".".join(["merge" if part == "up" else part, level, layer, kind])
    out["weights." + name] = (t.permute(0, 2, 3, 1) if t.dim() == 4 else t).clone(memory_format=torch.contiguous_format)
model.double()
images = torch.randn(3, 3, 17, 22)
labels = torch.randint(CLASSES - 1, (3, 17, 22))
labels[:, :3] = 255
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=STEPS, cycle_momentum=False)
losses = []
for _ in range(STEPS):
    loss = ce_plus_dice(model(images.double()), labels, 255)
    model.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    losses.append(loss.detach())
with torch.no_grad():
    logits = model.eval()(images.double())
out |= {"images": images.permute(0, 2, 3, 1).contiguous(), "labels": labels.to(torch.uint8), "losses": torch.stack(losses),
        "logits": logits.permute(0, 2, 3, 1).float().contiguous()}
save_file(out, HERE / "training.safetensors")
print([round(float(v), 4) for v in losses])
