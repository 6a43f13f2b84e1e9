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
// Of a block that multiplies or updates; so many at once that one computes while others wait.
#define TILE_KERNEL(name, Arguments) \
    extern "C" __global__ void __launch_bounds__(128, 3) name(const Arguments a)
#define SHARED __shared__
#define UNROLL _Pragma("unroll")
#define UNROLL_NOT _Pragma("unroll 1")
#define UNROLL_A_FEW _Pragma("unroll 2")
DEVICE int lane() { return threadIdx.x; }
DEVICE int lanes() { return 32; }
template <class T> DEVICE T from_lane(T x, int distance) {
    return __shfl_xor_sync(0xffffffffu, x, distance);
}
DEVICE void wait_for_block() { __syncthreads(); }
/// Starts to copy four values to shared memory, of which `count` exist and the others are 0:
/// nothing waits for them before wait_for_copies(). Both places are at multiples of 16 bytes.
DEVICE void copy_four_ahead(float *to, const float *from, int count) {
    int bytes = 4 * max(0, min(4, count));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                     (unsigned)__cvta_generic_to_shared(to)),
                 "l"(__cvta_generic_to_global(from)), "r"(bytes)
                 : "memory");
}
/// Likewise for one value, anywhere.
DEVICE void copy_ahead(float *to, const float *from, bool exists) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(
                     (unsigned)__cvta_generic_to_shared(to)),
                 "l"(__cvta_generic_to_global(from)), "r"(exists ? 4 : 0)
                 : "memory");
}
/// All copies begun since the last call are one group.
DEVICE void end_group() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/// Waits for this thread's copies but those of the last `groups`.
template <int groups> DEVICE void wait_for_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(groups) : "memory");
}
/// Says that what is at `x` will be wanted.
DEVICE void want(const float *x) {
    asm volatile("prefetch.global.L2 [%0];" ::"l"(__cvta_generic_to_global(x)));
}
/// The work of each thread t of a block of BLOCK, with MINE(t) to find what it keeps in between.
#define EACH_THREAD(t) for (int t = threadIdx.x, once = 1; once; once = 0)
#define MINE(t) 0
#define SHARE_OF_A_THREAD 1
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
    INHIBITORY_NORM_SUBTRACTIVE = 3,
    INHIBITORY_NORM_DIVISIVE = 4,
    INHIBITORY_NORM_SUBTRACTIVE_VARIANCE = 5
};
DEVICE bool divides(int circuit) {
    return circuit == INHIBITORY_NORM || circuit == INHIBITORY_NORM_DIVISIVE;
}
/// Whether inhibition learns, locally, a variance of 1: `W_EI` is frozen then.
DEVICE bool learns_variance(int circuit) {
    return divides(circuit) || circuit == INHIBITORY_NORM_SUBTRACTIVE_VARIANCE;
}
enum Normalization {
    NO_NORM = 0,
    LAYER_NORM = 1,
    LAYER_NORM_FORWARD_ONLY = 2,
    MEAN_NORM = 3,
    DIVISIVE_NORM = 4,
    LAYER_NORM_BACKWARD_ONLY = 5,
    MEAN_NORM_BACKWARD_ONLY = 6
};
enum GradNorm {
    NO_GRAD_NORM = 0,
    FULL = 1,
    CENTER = 2,
    LATERAL = 3,
    SCALE = 4,
    DECORRELATE = 5,
    FULL_CENTRED = 7,
    DECORRELATE_CENTRED = 8
};

/// One layer of one network: src/ensemble/arguments.rs says what each field is.
struct Net {
    int inputs, units, inhibitory, targets;
    int circuit, normalization, grad_norm, rectified;
    float lambda, rate, rate_ie, rate_ei;
    int non_negative, non_negative_b;
    double smoothing;
    long long unit, activity, input, sample, pre_activation, pre_activation_stride;
    long long matrix, matrix_stride, w_ei;
};
static_assert(sizeof(Net) == 136, "Net");
AT(Net, inputs, 0); AT(Net, units, 4); AT(Net, inhibitory, 8); AT(Net, targets, 12);
AT(Net, circuit, 16); AT(Net, normalization, 20); AT(Net, grad_norm, 24); AT(Net, rectified, 28);
AT(Net, lambda, 32); AT(Net, rate, 36); AT(Net, rate_ie, 40); AT(Net, rate_ei, 44);
AT(Net, non_negative, 48); AT(Net, non_negative_b, 52); AT(Net, smoothing, 56); AT(Net, unit, 64);
AT(Net, activity, 72); AT(Net, input, 80); AT(Net, sample, 88); AT(Net, pre_activation, 96);
AT(Net, pre_activation_stride, 104); AT(Net, matrix, 112); AT(Net, matrix_stride, 120);
AT(Net, w_ei, 128);

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

/// Threads of a block that multiplies or updates, those of a warp, and the rows and columns of a
/// thread's part of the result. Eight by eight: less would leave the arithmetic waiting for shared
/// memory, which gives a warp 128 bytes at a time.
constexpr int BLOCK = 128, WARP = 32, SIDE = 8;
/// A warp's part: eight threads lie side by side, and four such groups one below the other.
constexpr int WARP_COLUMNS = SIDE * SIDE, WARP_ROWS = WARP / SIDE * SIDE;
static_assert(BLOCK / WARP * WARP_COLUMNS == Columns && WARP_ROWS == Samples, "Tile");

/// Rows of what is stored sample by sample begin at multiples of four values.
DEVICE int padded(int x) { return (x + 3) / 4 * 4; }

/// Four values that are read or written in one go.
struct alignas(16) Four {
    float x[4];
};
DEVICE Four &four(float *x) { return *reinterpret_cast<Four *>(x); }
DEVICE const Four &four(const float *x) { return *reinterpret_cast<const Four *>(x); }

/// Where a thread's part is within its block's: four groups of rows and eight of columns a warp.
/// Warps without a column are not the same ones in each block: each has a scheduler of its own.
struct Place {
    int warp, row, column;
};
DEVICE Place place_of(int t) {
    int warp = (t / WARP + blockIdx.x + blockIdx.z) % (BLOCK / WARP);
    return {warp, t % WARP / SIDE * SIDE, t % SIDE};
}

/// How many warps of a block lie side by side, so that all `columns` are covered: 1, 2 or 4. The
/// others share out the rest of the work.
DEVICE int across(int columns) {
    return columns > 2 * WARP_COLUMNS ? 4 : columns > WARP_COLUMNS ? 2 : 1;
}

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
