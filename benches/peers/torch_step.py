"""One training step of `inorm_full` in PyTorch, as one would write it: the next images, shifted;
forward, backward, update. Prints milliseconds a step.

    python torch_step.py WIDTH STEPS eager|compile
"""

import sys
import time

import torch
import torch.nn.functional as F

from problem import (
    BATCH,
    EPSILON,
    LAMBDA,
    RATES,
    SHIFT,
    SMOOTHING,
    images_and_labels,
    initial_layers,
)


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


def linear(h, weight, bias=None):
    """`weight` is [units, inputs], or that of several networks, [networks, units, inputs]."""
    if weight.ndim == 2:
        return F.linear(h, weight, bias)
    return h @ weight.mT if bias is None else h @ weight.mT + bias


def loss(layers, x, labels):
    h, local = x, 0.0
    for layer in layers[:2]:
        e = linear(h, layer["w_ee"], layer["b"])
        below = h.detach()
        i = linear(linear(below, layer["w_ie"]), layer["w_ei"])
        s = torch.sqrt((linear(below, layer["u_ie"]) ** 2).mean(-1, keepdim=True) + EPSILON)
        z = (e.detach() - i) / s
        moments = z.mean(-1) ** 2 + (z.var(-1, unbiased=False) - 1) ** 2
        local = local + LAMBDA * moments.mean(-1).sum()
        h = F.relu(GradNorm.apply((e - i.detach()) / s.detach()))
    last = layers[2]
    i = linear(linear(h, last["w_ie"]), last["w_ei"])
    logits = (linear(h, last["w_ee"], last["b"]) - i).flatten(0, -2)
    labels = labels.repeat(len(logits) // BATCH)
    total = F.cross_entropy(logits, labels, label_smoothing=SMOOTHING, reduction="sum")
    return total / BATCH + local


def trained(layers):
    """Groups of weights with their learning rates, and the weights that must stay ≥ 0."""
    groups, signed = [], []
    for index, layer in enumerate(layers):
        for name, weight in layer.items():
            if name == "w_ei" and index < 2:
                continue  # frozen
            weight.requires_grad_()
            groups.append({"params": [weight], "lr": RATES[name]})
            if name in ("w_ee", "w_ie", "w_ei"):
                signed.append(weight)
    return groups, signed


def main():
    width, steps, mode = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(1)
    layers = [
        {name: torch.from_numpy(values) for name, values in layer.items()}
        for layer in initial_layers(width)
    ]
    groups, signed = trained(layers)
    optimizer = torch.optim.SGD(groups, lr=RATES["w_ee"])
    images, labels = map(torch.from_numpy, images_and_labels())
    compute = torch.compile(loss) if mode == "compile" else loss
    total = 0.0

    def step(number):
        nonlocal total
        batch = slice(number * BATCH % len(images), number * BATCH % len(images) + BATCH)
        shift = (torch.rand(BATCH, 1) * 2 - 1) * SHIFT
        x = (images[batch] + shift).clamp_(0, 1)
        optimizer.zero_grad(set_to_none=True)
        error = compute(layers, x, labels[batch])
        error.backward()
        optimizer.step()
        with torch.no_grad():
            for weight in signed:
                weight.clamp_(min=0)
        total += error.item()

    for number in range(20):
        step(number)
    began = time.perf_counter()
    for number in range(steps):
        step(number)
    print((time.perf_counter() - began) / steps * 1e3)


if __name__ == "__main__":
    main()
