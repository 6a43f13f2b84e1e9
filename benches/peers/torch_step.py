"""One training step of `inorm_full` in PyTorch, as one would write it. Prints milliseconds a step.

    python torch_step.py WIDTH STEPS eager|compile
"""

import sys
import time

import torch
import torch.nn.functional as F

from problem import EPSILON, LAMBDA, RATES, SMOOTHING, initial_layers, random_batch


class GradNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z.view_as(z)

    @staticmethod
    def backward(ctx, delta):
        (z,) = ctx.saved_tensors
        mean = lambda x: x.mean(-1, keepdim=True)
        sigma = torch.sqrt(z.var(-1, keepdim=True, unbiased=False) + EPSILON)
        return (delta - mean(delta) - z * mean(delta * z)) / sigma


def loss(layers, x, labels):
    h, local = x, 0.0
    for layer in layers[:2]:
        e = F.linear(h, layer["w_ee"], layer["b"])
        below = h.detach()
        i = F.linear(F.linear(below, layer["w_ie"]), layer["w_ei"])
        s = torch.sqrt((F.linear(below, layer["u_ie"]) ** 2).mean(-1, keepdim=True) + EPSILON)
        z = (e.detach() - i) / s
        local = local + LAMBDA * (z.mean(-1) ** 2 + (z.var(-1, unbiased=False) - 1) ** 2).mean()
        h = F.relu(GradNorm.apply((e - i.detach()) / s.detach()))
    last = layers[2]
    i = F.linear(F.linear(h, last["w_ie"]), last["w_ei"])
    logits = F.linear(h, last["w_ee"], last["b"]) - i
    return F.cross_entropy(logits, labels, label_smoothing=SMOOTHING) + local


def main():
    width, steps, mode = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    layers = [
        {name: torch.from_numpy(values) for name, values in layer.items()}
        for layer in initial_layers(width)
    ]
    groups, signed = [], []
    for index, layer in enumerate(layers):
        for name, weight in layer.items():
            if name == "w_ei" and index < 2:
                continue  # frozen
            weight.requires_grad_()
            groups.append({"params": [weight], "lr": RATES[name]})
            if name in ("w_ee", "w_ie", "w_ei"):
                signed.append(weight)
    optimizer = torch.optim.SGD(groups, lr=RATES["w_ee"])
    x, labels = map(torch.from_numpy, random_batch())
    compute = torch.compile(loss) if mode == "compile" else loss

    def step():
        optimizer.zero_grad(set_to_none=True)
        compute(layers, x, labels).backward()
        optimizer.step()
        with torch.no_grad():
            for weight in signed:
                weight.clamp_(min=0)

    for _ in range(20):
        step()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    print((time.perf_counter() - began) / steps * 1e3)


main()
