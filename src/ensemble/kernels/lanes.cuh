// What every kernel starts from: the port of src/engine/lanes.rs, and the structures of
// src/ensemble/arguments.rs.
//
// A warp of lanes shares the work on one sample of one network; each lane takes every
// lanes()-th unit, and only sums go from lane to lane. So a kernel means the same with any number
// of lanes, one included. The same sources compile for an NVIDIA GPU and, by way of host.hpp, for
// the processor, where tests compare them with the engine.
#pragma once

#ifdef __CUDACC__
#define DEVICE static __device__ __forceinline__
#define KERNEL(name, Arguments) \
    extern "C" __global__ void __launch_bounds__(128) name(const Arguments a)
#define SHARED __shared__
#define UNROLL _Pragma("unroll")
#define UNROLL_A_FEW _Pragma("unroll 16")
DEVICE int lane() { return threadIdx.x; }
DEVICE int lanes() { return 32; }
DEVICE int threads() { return 128; }
template <class T> DEVICE T from_lane(T x, int distance) {
    return __shfl_xor_sync(0xffffffffu, x, distance);
}
DEVICE void wait_for_block() { __syncthreads(); }
DEVICE float unchanging(const float *x) { return __ldg(x); }
// The compiler does not see it where an address is one of two.
DEVICE float *global(float *x) {
    __builtin_assume(__isGlobal(x));
    return x;
}
#else
#include "host.hpp"
#endif
#include <cstddef>

// Rust includes it too, and has no semicolon behind an enum.
#ifdef __CUDACC__
#pragma nv_diag_suppress 1644
#endif
#include "tile.rs"
;

/// Asserts where a field is, as src/ensemble/arguments.rs does on its side.
#define AT(type, field, offset) static_assert(offsetof(type, field) == offset, #type "::" #field)

/// Added to variances and second moments inside the square root: NORMALIZATION_EPSILON.
#define EPSILON 1e-5f

// The numbers of the enums in src/condition.rs.
enum Circuit {
    EXCITATORY = 0,
    EXCITATORY_INHIBITORY = 1,
    INHIBITORY_NORM = 2,
    INHIBITORY_NORM_SUBTRACTIVE = 3
};
enum Normalization {
    NO_NORM = 0,
    LAYER_NORM = 1,
    LAYER_NORM_FORWARD_ONLY = 2,
    MEAN_NORM = 3,
    DIVISIVE_NORM = 4
};
enum GradNorm { NO_GRAD_NORM = 0, FULL = 1, CENTER = 2, LATERAL = 3, SCALE = 4, DECORRELATE = 5 };

/// One layer of one network: src/ensemble/arguments.rs says what each field is.
struct Net {
    int inputs, units, inhibitory, targets;
    int circuit, normalization, grad_norm, rectified;
    float lambda, rate, rate_ie, rate_ei;
    double smoothing;
    long long unit, activity, input, sample, pre_activation, pre_activation_stride;
    long long matrix, matrix_stride, w_ei;
};
static_assert(sizeof(Net) == 128, "Net");
AT(Net, inputs, 0); AT(Net, units, 4); AT(Net, inhibitory, 8); AT(Net, targets, 12);
AT(Net, circuit, 16); AT(Net, normalization, 20); AT(Net, grad_norm, 24); AT(Net, rectified, 28);
AT(Net, lambda, 32); AT(Net, rate, 36); AT(Net, rate_ie, 40); AT(Net, rate_ei, 44);
AT(Net, smoothing, 48); AT(Net, unit, 56); AT(Net, activity, 64); AT(Net, input, 72);
AT(Net, sample, 80); AT(Net, pre_activation, 88); AT(Net, pre_activation_stride, 96);
AT(Net, matrix, 104); AT(Net, matrix_stride, 112); AT(Net, w_ei, 120);

/// One layer of all networks: src/ensemble/arguments.rs says what each field is.
struct Layer {
    const Net *nets;
    float *matrix, *w_ei, *b;
    const float *nu, *h;
    float *below;
    float *pre_activation, *inhibition, *z, *normalized, *activity, *s, *error, *delta;
    int size, of_w_ei, backwards;
};
static_assert(sizeof(Layer) == 136, "Layer");
AT(Layer, nets, 0); AT(Layer, matrix, 8); AT(Layer, w_ei, 16); AT(Layer, b, 24); AT(Layer, nu, 32);
AT(Layer, h, 40); AT(Layer, below, 48); AT(Layer, pre_activation, 56); AT(Layer, inhibition, 64);
AT(Layer, z, 72); AT(Layer, normalized, 80); AT(Layer, activity, 88); AT(Layer, s, 96);
AT(Layer, error, 104); AT(Layer, delta, 112); AT(Layer, size, 120); AT(Layer, of_w_ei, 124);
AT(Layer, backwards, 128);

DEVICE int at_most(int most, int x) { return x < most ? x : most; }

/// The sum over all lanes, in all of them.
template <class T> DEVICE T sum_lanes(T x) {
    for (int distance = lanes() / 2; distance > 0; distance /= 2) x += from_lane(x, distance);
    return x;
}

/// out[i] ← f(i) for i from 0 to n, shared out among the lanes. Each lane reads what it needs for
/// several values before it writes the first: the compiler cannot know that `out` is none of it.
template <class F> DEVICE void assign(float *out, int n, F f) {
    constexpr int ahead = 4;
    for (int first = lane(); first < n; first += ahead * lanes()) {
        float values[ahead];
        UNROLL
        for (int k = 0; k < ahead; k++) {
            int i = first + k * lanes();
            values[k] = i < n ? f(i) : 0.0f;
        }
        UNROLL
        for (int k = 0; k < ahead; k++) {
            int i = first + k * lanes();
            if (i < n) out[i] = values[k];
        }
    }
}

/// Σ f(i) for i from 0 to n.
template <class F> DEVICE float sum(int n, F f) {
    float total = 0;
    for (int i = lane(); i < n; i += lanes()) total += f(i);
    return sum_lanes(total);
}

/// Mean and population variance.
struct Moments {
    float mean, variance;
};

DEVICE Moments moments(const float *x, int n) {
    float mean = sum(n, [&](int i) { return x[i]; }) / n;
    float variance = sum(n, [&](int i) { return (x[i] - mean) * (x[i] - mean); }) / n;
    return {mean, variance};
}

/// 1/√(x + ε).
DEVICE float inverse_root(float x) { return 1.0f / sqrtf(x + EPSILON); }

/// max(0, x), but NaN stays NaN.
DEVICE float rectified(float x) { return (x + fabsf(x)) * 0.5f; }
