"""max_pool2d.safetensors: torch.nn.functional.max_pool2d and its gradient, in NHWC."""
import torch.nn.functional as F
from writer import Golden, nchw, nhwc

g = Golden("max_pool2d", 4)
for case, x, kernel, stride, padding in (("two", (2, 6, 8, 3), 2, 2, 0), ("odd", (1, 7, 9, 5), 2, 2, 0), ("resnet", (1, 9, 8, 4), 3, 2, 1),
                                         ("overlap", (1, 6, 5, 2), 3, 1, 1), ("gaps", (1, 10, 11, 2), 2, 3, 1)):
    g.add(case, lambda x: nhwc(F.max_pool2d(nchw(x), kernel, stride, padding)), x=g.draw(*x))
g.save()
