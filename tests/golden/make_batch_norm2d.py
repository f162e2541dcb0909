"""batch_norm2d.safetensors: torch.nn.functional.batch_norm, its gradients and its running statistics, in NHWC."""
import torch
import torch.nn.functional as F
from writer import Golden, nchw, nhwc

g = Golden("batch_norm2d")
for case, training, act, momentum, epsilon in (("training", True, None, 0.1, 1e-5), ("training_relu", True, F.relu, 0.3, 1e-3),
                                               ("evaluation", False, None, 0.1, 1e-5),
                                               ("evaluation_leaky", False, lambda t: F.leaky_relu(t, 0.125), 0.1, 1e-3)):
    mean, var = g.draw(5), g.draw(5).square() + 0.5
    g.put(case, mean=mean, var=var)

    def f(x, gamma, beta, residual):
        y = F.batch_norm(nchw(x), mean, var, gamma, beta, training, momentum, epsilon)
        return (act or (lambda t: t))(nhwc(y) + residual)

    g.add(case, f, x=g.draw(3, 4, 7, 5) * 2 + 3, gamma=g.draw(5), beta=g.draw(5), residual=g.draw(3, 4, 7, 5))
    g.put(case, mean_after=mean, var_after=var)
g.save()
