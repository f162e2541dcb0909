"""conv2d.safetensors, conv_transpose2d.safetensors: torch's convolutions and their gradients, NHWC with our weight layouts."""
import torch.nn.functional as F
from writer import Golden, nchw, nhwc

g = Golden("conv2d", 2)


def conv(case, x, cout, kernel, bias=True, pads=(0, 0, 0, 0), stride=1, dilation=1, groups=1):
    """pads: top, bottom, left, right."""
    top, bottom, left, right = pads
    inputs = dict(x=g.draw(*x), w=g.draw(cout, *kernel, x[3] // groups)) | (dict(b=g.draw(cout)) if bias else {})
    g.add(case, lambda x, w, b=None: nhwc(F.conv2d(F.pad(nchw(x), (left, right, top, bottom)), nchw(w), b, stride, 0, dilation, groups)), **inputs)


conv("same3x3", (2, 6, 7, 4), 5, (3, 3), pads=(1, 1, 1, 1))
conv("winograd", (1, 5, 6, 8), 8, (3, 3), pads=(1, 1, 1, 1))
conv("pointwise", (2, 5, 4, 7), 3, (1, 1))
conv("stride", (1, 7, 8, 3), 4, (3, 3), pads=(1, 1, 1, 1), stride=2, bias=False)
conv("dilation", (1, 8, 7, 4), 3, (3, 3), pads=(2, 2, 2, 2), dilation=2)
conv("dilation_stride", (1, 11, 12, 2), 3, (3, 2), pads=(3, 3, 2, 2), dilation=3, stride=2)
conv("groups", (1, 5, 6, 6), 9, (3, 3), pads=(1, 1, 1, 1), groups=3)
conv("depthwise", (1, 6, 7, 5), 5, (3, 3), pads=(1, 1, 1, 1), groups=5)
conv("depthwise_stride", (1, 9, 9, 4), 4, (5, 5), pads=(2, 2, 2, 2), groups=4, stride=2)
conv("asymmetric", (1, 7, 8, 3), 4, (2, 3), pads=(0, 1, 2, 0))
conv("seven", (1, 9, 8, 2), 2, (7, 7), pads=(3, 3, 3, 3), stride=2)
g.save()

g = Golden("conv_transpose2d", 3)


def transposed(case, x, cout, kernel, bias=True, **options):
    inputs = dict(x=g.draw(*x), w=g.draw(x[3], *kernel, cout // options.get("groups", 1))) | (dict(b=g.draw(cout)) if bias else {})
    g.add(case, lambda x, w, b=None: nhwc(F.conv_transpose2d(nchw(x), nchw(w), b, **options)), **inputs)


transposed("double", (2, 5, 4, 6), 3, (2, 2), stride=2)
transposed("overlap", (1, 5, 6, 4), 5, (3, 3), stride=2, padding=1, output_padding=1)
transposed("gan", (1, 4, 5, 3), 4, (4, 4), stride=2, padding=1, bias=False)
transposed("dilation", (1, 6, 5, 2), 3, (3, 3), dilation=2, padding=1)
transposed("groups", (2, 4, 3, 6), 4, (3, 3), stride=3, groups=2, output_padding=2)
g.save()
