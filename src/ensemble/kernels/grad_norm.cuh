// GradNorm: the port of `grad_norm` in src/engine/passes.rs.
#pragma once
#include "lanes.cuh"

/// δ ← (δ − mean(δ) − z·mean(δ⊙z)) · inverse.
DEVICE void layer_norm_backward(float *delta, const float *z, int n, float inverse) {
    float mean = sum(n, [&](int i) { return delta[i]; }) / n;
    float correlation = sum(n, [&](int i) { return delta[i] * z[i]; }) / n;
    assign(delta, n, [&](int i) { return (delta[i] - mean - z[i] * correlation) * inverse; });
}

/// δ ← δ − mean(δ).
DEVICE void center(float *delta, int n) {
    float mean = sum(n, [&](int i) { return delta[i]; }) / n;
    assign(delta, n, [&](int i) { return delta[i] - mean; });
}

/// What the error δ of a hidden I-Norm layer becomes, given the layer's z.
DEVICE void grad_norm(int mode, float *delta, const float *z, const float *nu, int n) {
    switch (mode) {
    case FULL:
        layer_norm_backward(delta, z, n, inverse_root(moments(z, n).variance));
        break;
    case CENTER:
        center(delta, n);
        break;
    case LATERAL: {
        float inhibition = sum(n, [&](int i) { return delta[i] * nu[i]; });
        assign(delta, n, [&](int i) { return delta[i] - inhibition; });
        break;
    }
    case SCALE: {
        float inverse = inverse_root(moments(z, n).variance);
        assign(delta, n, [&](int i) { return delta[i] * inverse; });
        break;
    }
    case DECORRELATE: {
        float correlation = sum(n, [&](int i) { return delta[i] * z[i]; }) / n;
        assign(delta, n, [&](int i) { return delta[i] - z[i] * correlation; });
        break;
    }
    case FULL_CENTRED: {
        Moments m = moments(z, n);
        float inverse = inverse_root(m.variance);
        float mean = sum(n, [&](int i) { return delta[i]; }) / n;
        float correlation = sum(n, [&](int i) { return delta[i] * (z[i] - m.mean); }) / n;
        correlation *= inverse * inverse;
        assign(delta, n, [&](int i) {
            return (delta[i] - mean - (z[i] - m.mean) * correlation) * inverse;
        });
        break;
    }
    case DECORRELATE_CENTRED: {
        float mean = sum(n, [&](int i) { return z[i]; }) / n;
        float correlation = sum(n, [&](int i) { return delta[i] * (z[i] - mean); }) / n;
        assign(delta, n, [&](int i) { return delta[i] - (z[i] - mean) * correlation; });
        break;
    }
    default:
        break;
    }
}
