"""elementwise.safetensors: torch's elementary functions, broadcasting arithmetic, products of matrices, and their gradients."""
import torch
from writer import Golden

g = Golden("elementwise")
x = torch.cat((g.draw(40) * 3, torch.tensor([1e-12, -1e-12, 0.5, -2.0], dtype=torch.float64)))
positive = x.abs() + 1e-3
g.add("exp", torch.exp, x=x)
g.add("log", torch.log, x=positive)
g.add("sqrt", torch.sqrt, x=positive)
g.add("abs", torch.abs, x=torch.cat((x, torch.zeros(1, dtype=torch.float64))))
for name, exponent in ("pow2", 2), ("pow3", 3), ("pow_1", -1), ("pow0", 0):
    g.add(name, lambda x, e=exponent: torch.pow(x, e), x=x)
g.add("pow1.5", lambda x: torch.pow(x, 1.5), x=positive)
g.add("clamp", lambda x: torch.clamp(x, -2, 0.5), x=x)  # both ends are among the values
shapes = {"same": ((2, 3, 4, 5), (2, 3, 4, 5)), "channels": ((2, 3, 4, 5), (5,)), "images": ((2, 1, 1, 5), (2, 3, 4, 1)),
          "scalar": ((2, 3), ()), "outer": ((4, 1), (3,)), "middle": ((2, 1, 3), (1, 4, 1))}
for name, (a, b) in shapes.items():
    a, b = g.draw(*a), g.draw(*b)
    ties = torch.where(g.draw(*b.shape) > 0, b, torch.zeros_like(b))
    g.add("add." + name, torch.add, a=a, b=b)
    g.add("sub." + name, torch.sub, a=a, b=b)
    g.add("mul." + name, torch.mul, a=a, b=b)
    g.add("div." + name, torch.div, a=a, b=b + torch.sign(b))
    g.add("maximum." + name, torch.maximum, a=torch.relu(a), b=ties)
    g.add("minimum." + name, torch.minimum, a=torch.relu(a), b=ties)
    g.add("where." + name, lambda c, a, b: torch.where(c > 0, a, b), c=(g.draw(*a.shape) > 0).long(), a=a, b=b)
g.add("expand", lambda x: x.expand(2, 3, 4, 5), x=g.draw(3, 1, 5))
g.add("permute", lambda x: x.permute(3, 0, 2, 1), x=g.draw(2, 3, 4, 5))
g.add("transpose", lambda x: x.transpose(1, -1), x=g.draw(2, 3, 4))
g.add("linear", torch.nn.functional.linear, x=g.draw(2, 3, 7), w=g.draw(5, 7), b=g.draw(5))
g.add("matmul", torch.matmul, a=g.draw(2, 3, 7), b=g.draw(7, 5))
g.add("matmul.batched", torch.matmul, a=g.draw(3, 4, 7), b=g.draw(3, 7, 5))
for axis in 0, 1, -1:
    g.add(f"stack{axis}", lambda a, b, c, k=axis: torch.stack((a, b, c), k), a=g.draw(2, 4), b=g.draw(2, 4), c=g.draw(2, 4))
g.save()
