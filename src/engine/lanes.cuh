// What every kernel starts from: the twin of lanes.rs, and of the tables in src/ensemble.
//
// A warp of lanes shares the work on one sample of one network; each lane takes every
// lanes()-th unit, and only sums go from lane to lane. So a kernel means the same with any number
// of lanes, one included. The same sources compile for an NVIDIA GPU and, by way of host.hpp, for
// the processor, where tests hold them against their twins in Rust.
#pragma once

#ifdef __CUDACC__
#define DEVICE static __device__ __forceinline__
#define KERNEL(name, Arguments) \
    extern "C" __global__ void __launch_bounds__(128) name(const Arguments a)
#define SHARED __shared__
#define UNROLL _Pragma("unroll")
#define UNROLL_A_FEW _Pragma("unroll 8")
DEVICE int lane() { return threadIdx.x; }
DEVICE int lanes() { return 32; }
DEVICE int threads() { return 128; }
template <class T> DEVICE T from_lane(T x, int distance) {
    return __shfl_xor_sync(0xffffffffu, x, distance);
}
DEVICE void wait_for_block() { __syncthreads(); }
DEVICE float unchanging(const float *x) { return __ldg(x); }
#else
#include "host.hpp"
#endif

/// Added to variances and second moments inside the square root: NORMALIZATION_EPSILON.
#define EPSILON 1e-5f

enum Circuit { EXCITATORY, EXCITATORY_INHIBITORY, INHIBITORY_NORM, INHIBITORY_NORM_SUBTRACTIVE };
enum Normalization { NO_NORM, LAYER_NORM, LAYER_NORM_FORWARD_ONLY, MEAN_NORM, DIVISIVE_NORM };
enum GradNorm { NO_GRAD_NORM, FULL, CENTER, LATERAL, SCALE, DECORRELATE };

/// One layer of one network: src/ensemble/net.rs says what each field is.
struct Net {
    int inputs, units, inhibitory, targets;
    int circuit, normalization, grad_norm, rectified;
    float lambda, rate, rate_ie, rate_ei;
    double smoothing;
    long long unit, activity, input, sample, drive, drive_stride, matrix, matrix_stride, w_ei;
};

/// One layer of all networks: src/ensemble/kernels.rs says what each field is.
struct Layer {
    const Net *nets;
    float *matrix, *w_ei, *b;
    const float *nu, *h;
    float *below;
    float *drive, *inhibition, *z, *normalized, *activity, *s, *error, *delta;
    int size, of_w_ei, backwards;
};

/// The sum over all lanes, in all of them.
template <class T> DEVICE T sum_lanes(T x) {
    for (int distance = lanes() / 2; distance > 0; distance /= 2) x += from_lane(x, distance);
    return x;
}

/// f(i) for i from 0 to n, shared out among the lanes.
template <class F> DEVICE void each(int n, F f) {
    for (int i = lane(); i < n; i += lanes()) f(i);
}

/// Σ f(i) for i from 0 to n.
template <class F> DEVICE float sum(int n, F f) {
    float total = 0;
    each(n, [&](int i) { total += f(i); });
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
