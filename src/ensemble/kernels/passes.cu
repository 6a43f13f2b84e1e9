// Everything between the matrix products: the port of src/engine/passes.rs.
//
// One row of lanes a sample, one row of blocks a network.
#include "grad_norm.cuh"
#include "lanes.cuh"

/// Where one sample's numbers of one network are.
struct Sample {
    int units, inhibitory;
    const float *b, *nu, *error;
    float *pre_activation, *delta, *inhibition, *z, *normalized, *activity, *s;
};

DEVICE Sample sample_of(const Layer &a, const Net &net, int sample) {
    long long at = net.activity + (long long)sample * padded(net.units);
    long long first = net.pre_activation + sample * net.pre_activation_stride;
    return {net.units,        net.inhibitory,    a.b + net.unit,
            a.nu + net.unit,  a.error + at,      a.pre_activation + first,
            a.delta + first,  a.inhibition + at, a.z + at,
            a.normalized + at, a.activity + at,  a.s + net.sample + sample};
}

/// Whether a normalization changes the activity.
DEVICE bool acts_forward(int normalization) {
    return normalization != NO_NORM && normalization != LAYER_NORM_BACKWARD_ONLY &&
           normalization != MEAN_NORM_BACKWARD_ONLY;
}

/// Whether a normalization only takes means away.
DEVICE bool only_centers(int normalization) {
    return normalization == MEAN_NORM || normalization == MEAN_NORM_BACKWARD_ONLY;
}

/// From pre-activation and inhibition to `s`, `z`, normalized z and activity.
KERNEL(forward_pass, Layer) {
    int sample = blockIdx.x * blockDim.y + threadIdx.y;
    if (sample >= a.size) return;
    const Net net = a.nets[blockIdx.y];
    Sample x = sample_of(a, net, sample);
    const float *q = x.pre_activation + x.units + x.inhibitory;
    float s = 1.0f;
    if (divides(net.circuit)) {
        s = sqrtf(sum(x.units, [&](int i) { return q[i] * q[i]; }) / x.units + EPSILON);
    }
    if (lane() == 0) *x.s = s;
    float inverse = 1.0f / s;
    assign(x.z, x.units, [&](int i) {
        float inhibition = x.inhibitory > 0 ? x.inhibition[i] : 0.0f;
        return (x.pre_activation[i] + x.b[i] - inhibition) * inverse;
    });
    const float *z = x.z;
    if (net.normalization != NO_NORM) {
        Moments m = moments(z, x.units);
        float shift = net.normalization == DIVISIVE_NORM ? 0.0f : m.mean;
        float scale = only_centers(net.normalization) ? 1.0f : inverse_root(m.variance);
        assign(x.normalized, x.units, [&](int i) { return (z[i] - shift) * scale; });
        if (acts_forward(net.normalization)) z = x.normalized;
    }
    assign(x.activity, x.units, [&](int i) { return net.rectified ? rectified(z[i]) : z[i]; });
}

/// The exact Jacobian of the normalization, or the identity where only the forward pass has it.
DEVICE void normalization_backward(int normalization, const Sample &x) {
    int n = x.units;
    if (normalization == LAYER_NORM || normalization == LAYER_NORM_BACKWARD_ONLY) {
        layer_norm_backward(x.delta, x.normalized, n, inverse_root(moments(x.z, n).variance));
    } else if (only_centers(normalization)) {
        center(x.delta, n);
    } else if (normalization == DIVISIVE_NORM) {
        Moments m = moments(x.z, n);
        float inverse = inverse_root(m.variance);
        float correlation = sum(n, [&](int i) { return x.delta[i] * x.normalized[i]; }) / n;
        assign(x.delta, n, [&](int i) {
            return (x.delta[i] - correlation * (x.z[i] - m.mean) * inverse) * inverse;
        });
    }
}

/// The gradient of the local loss of mean and variance: ∂/∂i to `inhibition`.
DEVICE void normalizing_error(const Sample &x, float local, float inverse) {
    Moments m = moments(x.z, x.units);
    float push = 2.0f * local * m.mean, pull = 4.0f * local * (m.variance - 1.0f);
    assign(x.inhibition, x.units, [&](int i) {
        return -(push + pull * (x.z[i] - m.mean)) * inverse;
    });
}

/// The same by what divides, from what normalizing_error() leaves in `inhibition`: ∂/∂q, behind the
/// inhibitory deltas.
DEVICE void divisive_error(const Sample &x, float inverse) {
    float scale =
        sum(x.units, [&](int i) { return x.inhibition[i] * x.z[i]; }) * inverse / x.units;
    int q = x.units + x.inhibitory;
    assign(x.delta + q, x.units, [&](int i) { return scale * x.pre_activation[q + i]; });
}

/// From the error of the activity to the errors of the pre-activations and of the inhibition.
///
/// What `W_IE`'s units receive is left to a product.
KERNEL(backward_pass, Layer) {
    int sample = blockIdx.x * blockDim.y + threadIdx.y;
    if (sample >= a.size) return;
    const Net net = a.nets[blockIdx.y];
    Sample x = sample_of(a, net, sample);
    const float *before_relu = acts_forward(net.normalization) ? x.normalized : x.z;
    assign(x.delta, x.units, [&](int i) {
        return !net.rectified || before_relu[i] > 0.0f ? x.error[i] : 0.0f;
    });
    normalization_backward(net.normalization, x);
    grad_norm(net.grad_norm, x.delta, x.z, x.nu, x.units);
    float local = net.lambda / (float)(a.size * x.units);
    if (net.circuit == EXCITATORY_INHIBITORY) {
        assign(x.inhibition, x.units, [&](int i) { return -x.delta[i]; });
    } else if (divides(net.circuit)) {
        float inverse = 1.0f / *x.s;
        assign(x.delta, x.units, [&](int i) { return x.delta[i] * inverse; });
        normalizing_error(x, local, inverse);
        divisive_error(x, inverse);
    } else if (net.circuit == INHIBITORY_NORM_SUBTRACTIVE_VARIANCE) {
        normalizing_error(x, local, 1.0f);
    } else if (net.circuit == INHIBITORY_NORM_SUBTRACTIVE) {
        float pull = -2.0f * local * (sum(x.units, [&](int i) { return x.z[i]; }) / x.units);
        assign(x.inhibition, x.units, [&](int) { return pull; });
    }
}
