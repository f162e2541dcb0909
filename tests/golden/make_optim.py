#!/usr/bin/env python3
"""Writes optim.safetensors: trajectories of PyTorch's optimisers and schedules (and of Keras's epsilon convention, by its
formula), on fixed random gradients in double. Needs torch and safetensors."""
from pathlib import Path

import torch
from safetensors.torch import save_file

torch.manual_seed(7)
STEPS = 6
start = torch.randn(3, 5, dtype=torch.float64)
grads = torch.randn(STEPS, 3, 5, dtype=torch.float64) * 2
out = {"start": start, "grads": grads}


def run(name, make, clip_norm=0.0, clip_value=0.0):
    w = torch.nn.Parameter(start.clone())
    optimizer = make([w])
    for g in grads:
        w.grad = g.clone()
        if clip_norm:
            torch.nn.utils.clip_grad_norm_([w], clip_norm)
        if clip_value:
            torch.nn.utils.clip_grad_value_([w], clip_value)
        optimizer.step()
    out[name] = w.detach().clone()


run("adam", lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-3))
run("adam_decay", lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=0.1))
run("adamw", lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1))
run("adam_clip_norm", lambda p: torch.optim.Adam(p, lr=0.05), clip_norm=1.5)
run("adam_clip_value", lambda p: torch.optim.Adam(p, lr=0.05), clip_value=0.3)
run("sgd", lambda p: torch.optim.SGD(p, lr=0.05))
run("sgd_momentum", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1))
run("sgd_nesterov", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True))

w, m, v = start.clone(), torch.zeros_like(start), torch.zeros_like(start)
for t, g in enumerate(grads, 1):  # Keras: the epsilon is added outside the bias correction
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    w = w - 0.05 * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t) * m / (v.sqrt() + 1e-3)
out["adam_keras"] = w

p = [torch.nn.Parameter(torch.zeros(1))]
optimizer = torch.optim.SGD(p, lr=2e-3)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=50, cycle_momentum=False)
rates = []
for _ in range(50):
    rates.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    schedule.step()
out["onecycle"] = torch.tensor(rates, dtype=torch.float64)

optimizer = torch.optim.SGD(p, lr=0.1)
schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.5, patience=2)
metrics = [0.1, 0.2, 0.2, 0.19, 0.2, 0.2, 0.2, 0.2, 0.3, 0.3, 0.3, 0.3, 0.3]
rates = []
for value in metrics:
    schedule.step(value)
    rates.append(optimizer.param_groups[0]["lr"])
out["plateau_metrics"] = torch.tensor(metrics, dtype=torch.float64)
out["plateau"] = torch.tensor(rates, dtype=torch.float64)

save_file(out, Path(__file__).parent / "optim.safetensors")
