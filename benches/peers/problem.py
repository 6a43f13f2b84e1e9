"""The problem that every peer solves: the same network, images and learning rates."""

import gzip
from pathlib import Path

import numpy as np

SUBSET = Path(__file__).resolve().parents[2] / "data" / "fashion-mnist-subset"

BATCH = 32
EPSILON = 1e-5
LAMBDA = 0.01
SMOOTHING = 0.1
SHIFT = 0.75
RATES = {"w_ee": 0.0098, "b": 0.0098, "w_ie": 0.646, "u_ie": 0.646, "w_ei": 0.00295}


def initial_layers(width):
    """784 → width → width → 10 with the paper's initial weights, as float32 arrays."""
    random = np.random.default_rng(0)
    return [
        layer(random, 784, width, max(1, width // 10), divides=True),
        layer(random, width, width, max(1, width // 10), divides=True),
        layer(random, width, 10, 1, divides=False),
    ]


def layer(random, inputs, units, inhibitory, divides):
    scale = np.sqrt(2 * units / (inputs * (units - 1)))
    draw = lambda *shape: random.lognormal(np.log(scale) - np.log(2) / 2, np.sqrt(np.log(2)), shape)
    w_ee, w_ei = draw(units, inputs), draw(units, inhibitory)
    w_ei /= w_ei.sum(1, keepdims=True)
    w_ie = np.repeat(w_ee.mean(0, keepdims=True), inhibitory, axis=0)
    weights = {"w_ee": w_ee, "w_ie": w_ie, "w_ei": w_ei, "b": np.zeros(units)}
    if divides:
        _, s, vt = np.linalg.svd(w_ee - w_ei @ w_ie, full_matrices=False)
        weights["u_ie"] = s[:, None] * vt
    return {name: values.astype(np.float32) for name, values in weights.items()}


def images_and_labels():
    """Whole batches of real images as floats from 0 to 1, [n, 784], and their labels."""
    read = lambda name, header: np.frombuffer(
        gzip.open(SUBSET / f"train-{name}-ubyte.gz").read(), np.uint8, offset=header
    )
    labels = read("labels-idx1", 8)
    images = read("images-idx3", 16).reshape(len(labels), -1)
    whole = len(labels) // BATCH * BATCH
    return images[:whole].astype(np.float32) / 255, labels[:whole].astype(np.int64)
