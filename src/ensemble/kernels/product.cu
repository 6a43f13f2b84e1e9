// The small matrix products, for a batch: what src/engine/product.rs is to one network.
//
// The first layers of all networks are one large product, and a library's. What is left are
// hundreds of products of many sizes: one by one, starting each would take longer than doing it.
// One row of blocks along z a network, one along y for every few samples. Half of a block's threads
// have half of its samples, so that a thread has few samples and more than one column: what it
// fetches from shared memory is then used more often.
#include "lanes.cuh"

/// Terms of each sum that a block has in shared memory, those that are added in one go, and the
/// most columns of a block.
constexpr int DEPTH = 32, TOGETHER = 8, WIDTH = 128;

/// Groups of a block's threads, each with samples of its own; as many as a thread has columns, so
/// that a block has as many columns as threads, if it has more than one.
DEVICE int groups() { return at_most(Columns, threads()); }
/// The threads of a group.
DEVICE int members() { return threads() / groups(); }
/// Columns of a block.
DEVICE int width() { return members() * Columns; }

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

/// The part of the operands in shared memory, term by term. Behind the last term are zeros; behind
/// the last sample or column is the last one again, which is never used.
typedef float Left[DEPTH][Columns * Rows + 4];
typedef float Right[DEPTH][WIDTH + 1];

/// Value `at` of the row `row`, if there is such a term.
DEVICE float term_of(const float *x, long long row, long long stride, int at, bool exists) {
    return exists ? unchanging(x + row * stride + at) : 0.0f;
}

/// Fetches the terms behind `from` for the samples behind `first`.
DEVICE void fetch_left(const Product &p, int size, int first, int from, Left &left) {
    UNROLL
    for (int k = 0; k < groups() * Rows * DEPTH / threads(); k++) {
        int i = threadIdx.x + k * threads(), sample = i / DEPTH, term = i % DEPTH;
        left[term][sample] = term_of(p.left, at_most(size - 1, first + sample), p.left_stride,
                                     from + term, from + term < p.depth);
    }
}

/// Likewise for the columns behind `first`: neighbouring threads fetch neighbouring columns.
DEVICE void fetch_rows(const Product &p, int first, int from, Right &right) {
    for (int column = threadIdx.x; column < width(); column += threads()) {
        int at = at_most(p.columns - 1, first + column);
        UNROLL_A_FEW
        for (int term = 0; term < DEPTH; term++) {
            right[term][column] =
                term_of(p.right, from + term, p.right_stride, at, from + term < p.depth);
        }
    }
}

/// Likewise where the columns are stored as rows: neighbouring threads fetch neighbouring terms.
DEVICE void fetch_columns(const Product &p, int first, int from, Right &right) {
    UNROLL_A_FEW
    for (int k = 0; k < DEPTH * width() / threads(); k++) {
        int i = threadIdx.x + k * threads(), column = i / DEPTH, term = i % DEPTH;
        right[term][column] = term_of(p.right, at_most(p.columns - 1, first + column),
                                      p.right_stride, from + term, from + term < p.depth);
    }
}

/// Adds TOGETHER terms; `left` begins with a thread's samples, `right` with its column.
DEVICE void add_terms(const float *left, const float *right, float (&sums)[Columns][Rows]) {
    UNROLL
    for (int term = 0; term < TOGETHER; term++) {
        UNROLL
        for (int c = 0; c < Columns; c++) {
            float x = right[term * (WIDTH + 1) + c * members()];
            UNROLL
            for (int sample = 0; sample < Rows; sample++) {
                sums[c][sample] += left[term * (Columns * Rows + 4) + sample] * x;
            }
        }
    }
}

KERNEL(multiply, Layer) {
    const Net net = a.nets[blockIdx.z];
    const Product p = product_of(a, net);
    int first = blockIdx.y * groups() * Rows, from_column = blockIdx.x * width();
    if (from_column >= p.columns) return;
    int of_group = threadIdx.x / members() * Rows, member = threadIdx.x % members();
    alignas(16) SHARED Left left;
    SHARED Right right;
    float sums[Columns][Rows] = {};
    for (int from = 0; from < p.depth; from += DEPTH) {
        wait_for_block();
        fetch_left(p, a.size, first, from, left);
        if (p.transposed) {
            fetch_columns(p, from_column, from, right);
        } else {
            fetch_rows(p, from_column, from, right);
        }
        wait_for_block();
        for (int term = 0; term < at_most(DEPTH, p.depth - from); term += TOGETHER) {
            add_terms(&left[term][of_group], &right[term][member], sums);
        }
    }
    UNROLL
    for (int c = 0; c < Columns; c++) {
        int column = from_column + member + c * members();
        UNROLL
        for (int i = 0; i < Rows; i++) {
            int sample = first + of_group + i;
            if (sample < a.size && column < p.columns) {
                *global(p.out + sample * p.out_stride + column) = sums[c][i];
            }
        }
    }
}
