"""One training step of `inorm_full` in JAX, as an expert would write it: pure functions, one
jitted step (the next images, shifted; forward, backward, update), buffers donated. Prints
milliseconds a step.

    python jax_step.py WIDTH STEPS
"""

import os
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp

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


@jax.custom_vjp
def grad_norm(z):
    return z


def grad_norm_forward(z):
    return z, z


def grad_norm_backward(z, delta):
    mean = lambda x: x.mean(-1, keepdims=True)
    sigma = jnp.sqrt(z.var(-1, keepdims=True) + EPSILON)
    return ((delta - mean(delta) - z * mean(delta * z)) / sigma,)


grad_norm.defvjp(grad_norm_forward, grad_norm_backward)


def loss(layers, x, labels):
    constant = jax.lax.stop_gradient
    h, local = x, 0.0
    for layer in layers[:2]:
        e = h @ layer["w_ee"].T + layer["b"]
        below = constant(h)
        i = (below @ layer["w_ie"].T) @ constant(layer["w_ei"]).T
        s = jnp.sqrt(((below @ layer["u_ie"].T) ** 2).mean(-1, keepdims=True) + EPSILON)
        z = (constant(e) - i) / s
        local += LAMBDA * (z.mean(-1) ** 2 + (z.var(-1) - 1) ** 2).mean()
        h = jax.nn.relu(grad_norm((e - constant(i)) / constant(s)))
    last = layers[2]
    logits = h @ last["w_ee"].T - (h @ last["w_ie"].T) @ last["w_ei"].T + last["b"]
    targets = jax.nn.one_hot(labels, 10) * (1 - SMOOTHING) + SMOOTHING / 10
    return -(targets * jax.nn.log_softmax(logits)).sum(-1).mean() + local


def step(layers, total, images, labels, number, key):
    begin = number * BATCH % len(images)
    x = jax.lax.dynamic_slice_in_dim(images, begin, BATCH)
    x = jnp.clip(x + jax.random.uniform(key, (BATCH, 1), minval=-SHIFT, maxval=SHIFT), 0, 1)
    labels = jax.lax.dynamic_slice_in_dim(labels, begin, BATCH)
    error, gradients = jax.value_and_grad(loss)(layers, x, labels)

    def descend(name, weight, gradient):
        moved = weight - RATES[name] * gradient
        return jnp.maximum(moved, 0) if name in ("w_ee", "w_ie", "w_ei") else moved

    moved = [
        {name: descend(name, layer[name], gradient[name]) for name in layer}
        for layer, gradient in zip(layers, gradients)
    ]
    return moved, total + error


def main():
    width, steps = int(sys.argv[1]), int(sys.argv[2])
    state = jax.tree.map(jnp.asarray, initial_layers(width)), jnp.zeros(())
    images, labels = map(jnp.asarray, images_and_labels())
    jitted = jax.jit(step, donate_argnums=(0, 1))
    keys = list(jax.random.split(jax.random.PRNGKey(0), 20 + steps))
    for number in range(20):
        state = jitted(*state, images, labels, number, keys[number])
    jax.block_until_ready(state)
    began = time.perf_counter()
    for number in range(20, 20 + steps):
        state = jitted(*state, images, labels, number, keys[number])
    jax.block_until_ready(state)
    print((time.perf_counter() - began) / steps * 1e3)


if __name__ == "__main__":
    main()
