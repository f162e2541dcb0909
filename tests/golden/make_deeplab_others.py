#!/usr/bin/env python3
"""Writes deeplab_others.safetensors: logits of segmentation_models.pytorch's DeepLabV3Plus("resnet50") and torchvision's deeplabv3_resnet50 in
evaluation, with the hashed weights of make_deeplab.py. Names and shapes of their state are stored too (as an int64 of the shape), so that a
name that differs is seen. Needs torch, torchvision, segmentation_models_pytorch and safetensors."""
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
import torchvision
from make_deeplab import HERE, uniform, value
from safetensors.torch import save_file

out = {}
images = uniform("images", (2, 3, 64, 96)).float()
networks = {"smp": smp.DeepLabV3Plus("resnet50", encoder_weights=None, classes=3),
            "torchvision": torchvision.models.segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=3, aux_loss=True)}
for name, net in networks.items():
    net.load_state_dict({k: v if v.dtype == torch.int64 else value(k, v).float() for k, v in net.state_dict().items()})
    for k, v in net.state_dict().items():
        out[f"{name}.shape.{k}"] = torch.tensor(v.shape, dtype=torch.int32)
    with torch.no_grad():
        y = net.double().eval()(images.double())
    for key, t in y.items() if isinstance(y, dict) else [("out", y)]:
        out[f"{name}.{key}"] = F.avg_pool2d(t, 4).permute(0, 2, 3, 1).float().contiguous()  # a sixteenth of the pixels, each seen
        print(name, key, float(t.abs().max()))
save_file(out, HERE / "deeplab_others.safetensors")
