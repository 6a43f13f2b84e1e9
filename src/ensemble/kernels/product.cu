// The small matrix products, for a batch: what src/engine/product.rs is to one network.
//
// The first layers of all networks are one large product, and a library's. What is left are
// hundreds of products of many sizes: one by one, starting each would take longer than doing it.
// One row of blocks along z a network, one along y for every few samples; each thread has one
// column of the result.
#include "lanes.cuh"

/// Terms of each sum that a block has in shared memory, and the most columns.
constexpr int DEPTH = 32, WIDTH = 128;

/// `out = left right`: [size, depth] times [depth, columns], of which the transpose may be stored.
struct Product {
    int columns, depth, transposed;
    const float *left, *right;
    float *out;
    long long left_stride, right_stride, out_stride;
};

/// Between the inhibition and the inhibitory units, or between the inputs and the pre-activations.
DEVICE Product product_of(const Layer &a, const Net &net) {
    const float *matrix = a.matrix + net.matrix, *w_ei = a.w_ei + net.w_ei, *h = a.h + net.input;
    float *pre_activation = a.pre_activation + net.pre_activation;
    float *delta = a.delta + net.pre_activation, *inhibition = a.inhibition + net.activity;
    long long inputs = net.inputs, units = net.units, inhibitory = net.inhibitory;
    long long stride = net.pre_activation_stride;
    int through = net.units + (net.circuit == EXCITATORY_INHIBITORY ? net.inhibitory : 0);
    if (a.of_w_ei && a.backwards) {
        return {net.inhibitory, net.units, 0,          inhibition, w_ei,
                delta + units,  units,     inhibitory, stride};
    }
    if (a.of_w_ei) {
        int columns = net.inhibitory > 0 ? net.units : 0;
        return {columns,    net.inhibitory, 1,          pre_activation + units, w_ei,
                inhibition, stride,         inhibitory, units};
    }
    if (a.backwards) {
        return {net.inputs,          through, 1,                 delta, matrix,
                a.below + net.input, stride,  net.matrix_stride, inputs};
    }
    return {net.targets,    net.inputs, 0,                 h,     matrix,
            pre_activation, inputs,     net.matrix_stride, stride};
}

/// The part of the operands in shared memory, term by term. Where an operand ends, its last row or
/// column fills the rest, which is never used.
typedef float Left[DEPTH][Samples + 4];
typedef float Right[DEPTH][WIDTH + 1];

/// Fetches the terms behind `from` for the samples behind `first`.
DEVICE void fetch_left(const Product &p, int size, int first, int from, Left &left) {
    for (int i = threadIdx.x; i < Samples * DEPTH; i += threads()) {
        int sample = i / DEPTH, term = i % DEPTH;
        const float *row = p.left + at_most(size - 1, first + sample) * p.left_stride;
        left[term][sample] = unchanging(row + at_most(p.depth - 1, from + term));
    }
}

/// Likewise for the columns behind `first`: each thread fetches its own.
DEVICE void fetch_rows(const Product &p, int first, int from, Right &right) {
    int column = threadIdx.x;
    const float *stored = p.right + at_most(p.columns - 1, first + column);
    UNROLL_A_FEW
    for (int term = 0; term < DEPTH; term++) {
        right[term][column] =
            unchanging(stored + at_most(p.depth - 1, from + term) * p.right_stride);
    }
}

/// Likewise where the columns are stored as rows: neighbouring threads fetch neighbouring terms.
DEVICE void fetch_columns(const Product &p, int first, int from, Right &right) {
    int together = at_most(DEPTH, threads()), apart = threads() / together;
    for (int term = threadIdx.x % together; term < DEPTH; term += together) {
        const float *stored = p.right + at_most(p.depth - 1, from + term);
        UNROLL_A_FEW
        for (int i = 0; i < together; i++) {
            int column = threadIdx.x / together + i * apart;
            right[term][column] =
                unchanging(stored + at_most(p.columns - 1, first + column) * p.right_stride);
        }
    }
}

KERNEL(multiply, Layer) {
    const Net net = a.nets[blockIdx.z];
    const Product p = product_of(a, net);
    int first = blockIdx.y * Samples, from_column = blockIdx.x * threads();
    if (from_column >= p.columns) return;
    alignas(16) SHARED Left left;
    SHARED Right right;
    float sums[Samples] = {};
    for (int from = 0; from < p.depth; from += DEPTH) {
        wait_for_block();
        fetch_left(p, a.size, first, from, left);
        if (p.transposed) {
            fetch_columns(p, from_column, from, right);
        } else {
            fetch_rows(p, from_column, from, right);
        }
        wait_for_block();
        int terms = p.depth - from < DEPTH ? p.depth - from : DEPTH;
        for (int term = 0; term < terms; term++) {
            float x = right[term][threadIdx.x];
            UNROLL
            for (int sample = 0; sample < Samples; sample++) sums[sample] += left[term][sample] * x;
        }
    }
    int column = from_column + threadIdx.x;
    if (column >= p.columns) return;
    UNROLL
    for (int sample = 0; sample < Samples; sample++) {
        if (first + sample < a.size) p.out[(first + sample) * p.out_stride + column] = sums[sample];
    }
}
