"""Times one training step of many networks `inorm_full` on an NVIDIA GPU in JAX (`vmap` over the
networks) and in PyTorch (batched products; the whole step in one CUDA graph).

    python benches/peers/gpu.py [--networks 300] [--width 234] [--steps 200]

`cargo bench --bench ensemble --features cuda -- 300 alike` is ours, to be run on the same GPU. All
networks see the same images with the same shifts, as in an ensemble. Single precision: JAX's own
choice for a GPU, TF32, is the last line.
"""

import argparse
import sys
import time
from functools import partial

import numpy as np

from problem import BATCH, RATES, SHIFT, images_and_labels, initial_layers

WARM = 20


def stacked(width, networks):
    """The layers of all networks, [networks, …], each with inputs weighted a little differently:
    in proportion, so that the inhibition still fits the excitation."""
    random = np.random.default_rng(1)
    scales = random.uniform(0.9, 1.1, networks).astype(np.float32)
    by = lambda name: np.ones_like(scales) if name == "w_ei" else scales
    vary = lambda name, w: by(name).reshape(-1, *[1] * w.ndim) * w
    return [{name: vary(name, w) for name, w in layer.items()} for layer in initial_layers(width)]


def jax_step(layers, steps, precision):
    import jax
    import jax.numpy as jnp

    from jax_step import step

    jax.config.update("jax_default_matmul_precision", precision)
    together = jax.vmap(step, in_axes=(0, 0, None, None, None, None))
    jitted = jax.jit(together, donate_argnums=(0, 1))
    networks = len(layers[0]["b"])
    state = jax.tree.map(jnp.asarray, layers), jnp.zeros(networks)
    images, labels = map(jnp.asarray, images_and_labels())
    keys = list(jax.random.split(jax.random.PRNGKey(0), WARM + steps))
    for number in range(WARM + steps):
        if number == WARM:
            jax.block_until_ready(state)
            began = time.perf_counter()
        state = jitted(*state, images, labels, number, keys[number])
    jax.block_until_ready(state)
    milliseconds = (time.perf_counter() - began) / steps * 1e3
    if not jnp.isfinite(state[1]).all():
        sys.exit("JAX: networks diverged")
    return milliseconds


def torch_step(layers, steps):
    import torch

    from torch_step import loss, trained

    cuda = torch.device("cuda")
    layers = [{n: torch.from_numpy(w).to(cuda) for n, w in layer.items()} for layer in layers]
    for layer in layers:
        # Biases are added to [networks, batch, units].
        layer["b"] = layer["b"].unsqueeze(1)
    groups, signed = trained(layers)
    optimizer = torch.optim.SGD(groups, lr=RATES["w_ee"], fused=True)
    images, labels = (torch.from_numpy(a).to(cuda) for a in images_and_labels())
    x = torch.zeros(BATCH, images.shape[1], device=cuda)
    target = torch.zeros(BATCH, dtype=torch.long, device=cuda)
    total = torch.zeros((), device=cuda)

    def step():
        optimizer.zero_grad(set_to_none=True)
        shift = (torch.rand(BATCH, 1, device=cuda) * 2 - 1) * SHIFT
        error = loss(layers, (x + shift).clamp_(0, 1), target)
        error.backward()
        optimizer.step()
        with torch.no_grad():
            torch._foreach_clamp_min_(signed, 0)
            total.add_(error.detach())

    def load(number):
        begin = number * BATCH % len(images)
        x.copy_(images[begin : begin + BATCH])
        target.copy_(labels[begin : begin + BATCH])

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for number in range(WARM):
            load(number)
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    for number in range(WARM + steps):
        if number == WARM:
            torch.cuda.synchronize()
            began = time.perf_counter()
        load(number)
        graph.replay()
    torch.cuda.synchronize()
    milliseconds = (time.perf_counter() - began) / steps * 1e3
    if not torch.isfinite(total):
        sys.exit("PyTorch: the networks diverged")
    return milliseconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", type=int, default=300)
    parser.add_argument("--width", type=int, default=234)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    print(f"{options.networks} × inorm_full, width {options.width}, batch {BATCH}", flush=True)
    programs = {
        "PyTorch, CUDA graph": torch_step,
        "JAX, vmap": partial(jax_step, precision="highest"),
        "JAX, vmap, TF32": partial(jax_step, precision="tensorfloat32"),
    }
    for name, program in programs.items():
        milliseconds = program(stacked(options.width, options.networks), options.steps)
        print(f"{name:<20} {milliseconds:7.3f} ms/step", flush=True)


main()
