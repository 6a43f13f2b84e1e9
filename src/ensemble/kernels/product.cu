// The matrix products, for a batch: what src/engine/product.rs is to one network.
//
// Hundreds of products of many sizes: one by one, starting each would take longer than doing it.
// One row of blocks along z a network, one along y for every few samples. While some terms are
// added, the next are on their way. Where there are few columns, the warps of a block share out
// the terms instead, and add up their sums at the end.
#include "lanes.cuh"

/// Terms of each sum that a warp has in shared memory, and that a block can have.
constexpr int DEPTH = 16, DEEPEST = DEPTH * BLOCK / WARP;

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
    long long inputs = padded(net.inputs), units = padded(net.units);
    long long inhibitory = padded(net.inhibitory), stride = net.pre_activation_stride;
    int through = net.units + (net.circuit == EXCITATORY_INHIBITORY ? net.inhibitory : 0);
    if (a.of_w_ei && a.backwards) {
        return {net.inhibitory,    net.units, 0,          inhibition, w_ei,
                delta + net.units, units,     inhibitory, stride};
    }
    if (a.of_w_ei) {
        int columns = net.inhibitory > 0 ? net.units : 0;
        return {columns,    net.inhibitory, 1,          pre_activation + net.units, w_ei,
                inhibition, stride,         inhibitory, units};
    }
    if (a.backwards) {
        return {net.inputs,          through, 1,                 delta, matrix,
                a.below + net.input, stride,  net.matrix_stride, inputs};
    }
    return {net.targets,    net.inputs, 0,                 h,     matrix,
            pre_activation, inputs,     net.matrix_stride, stride};
}

/// The parts of the operands in shared memory. Term by term the samples, four by four in an order
/// that depends on the term; and column by column the terms, in fours likewise, or term by term the
/// columns. So threads that read or write at the same time find their values in different banks.
typedef float Left[DEEPEST][Samples];
typedef float Right[DEPTH * Columns];

DEVICE int of_left(int term, int sample) { return sample ^ (term % 8 * 4); }
DEVICE int of_right(int column, int four) { return column * DEPTH + (four ^ (column / 2 % 4)) * 4; }

/// Where the block is in the product.
struct Work {
    int size, sample, column, across, depth;
};

/// Starts to fetch the terms behind `from`, if there are any; 0 behind the last of everything.
template <bool transposed>
DEVICE void fetch(const Product &p, const Work &w, int from, Left &left, Right &right) {
    if (from >= p.depth) return end_group();
    int width = w.across * WARP_COLUMNS;
    EACH_THREAD(t) {
        UNROLL_A_FEW
        for (int i = t; i < w.depth * Samples; i += BLOCK) {
            int term = i & (w.depth - 1), sample = i / w.depth;
            const float *x = p.left + (w.sample + sample) * p.left_stride + from + term;
            bool exists = w.sample + sample < w.size && from + term < p.depth;
            copy_ahead(&left[term][of_left(term, sample)], x, exists);
        }
        UNROLL_A_FEW
        for (int k = 0; k < DEPTH * Columns / 4 / BLOCK; k++) {
            int i = t + k * BLOCK;
            int at = transposed ? i / 4 : i % (Columns / 4) * 4;
            int column = w.column + (at & (width - 1));
            int term = from + at / WARP_COLUMNS / w.across * DEPTH +
                       (transposed ? i % 4 * 4 : i / (Columns / 4));
            if (transposed) {
                const float *x = p.right + column * p.right_stride + term;
                copy_four_ahead(&right[of_right(at, i % 4)], x,
                                column < p.columns ? p.depth - term : 0);
            } else {
                copy_four_ahead(&right[i * 4], p.right + term * p.right_stride + column,
                                term < p.depth ? p.columns - column : 0);
            }
        }
    }
    end_group();
}

typedef float Sums[SIDE][SIDE];

/// sums += one term of each sample and column.
DEVICE void add_term(const Left &left, int term, int row, const float (&right)[SIDE], Sums &sums) {
    Four samples[2] = {four(&left[term][of_left(term, row)]),
                       four(&left[term][of_left(term, row + 4)])};
    UNROLL
    for (int c = 0; c < SIDE; c++) {
        UNROLL
        for (int r = 0; r < SIDE; r++) sums[c][r] += samples[r / 4].x[r % 4] * right[c];
    }
}

/// The columns of a thread are two times four or, where the transpose is stored, each eighth.
template <bool transposed> DEVICE int column_of(const Place &at, int c) {
    return transposed ? at.column + c * SIDE : at.column * 4 + c / 4 * 32 + c % 4;
}

/// sums += the terms in shared memory.
template <bool transposed>
DEVICE void add_terms(const Place &at, int across, const Left &left, const Right &right,
                      Sums &sums) {
    int first = at.warp * WARP_COLUMNS, first_term = at.warp / across * DEPTH;
    UNROLL_NOT
    for (int term = 0; term < DEPTH; term += 4) {
        Four columns[SIDE];
        if (transposed) {
            UNROLL
            for (int c = 0; c < SIDE; c++) {
                columns[c] = four(&right[of_right(first + column_of<true>(at, c), term / 4)]);
            }
        }
        UNROLL
        for (int k = 0; k < 4; k++) {
            float of_term[SIDE];
            UNROLL
            for (int c = 0; c < SIDE; c++) of_term[c] = columns[c].x[k];
            UNROLL
            for (int half = 0; !transposed && half < SIDE; half += 4) {
                int column = first + column_of<false>(at, half);
                four(of_term + half) = four(&right[(term + k) * Columns + column]);
            }
            add_term(left, first_term + term + k, at.row, of_term, sums);
        }
    }
}

/// Writes a thread's sums, four at a time where that is possible.
template <bool transposed>
DEVICE void store(const Product &p, const Work &w, const Place &at, const Sums &sums) {
    int first = w.column + at.warp % w.across * WARP_COLUMNS;
    bool in_fours = !transposed && p.out_stride % 4 == 0 && (size_t)p.out % sizeof(Four) == 0;
    UNROLL
    for (int r = 0; r < SIDE; r++) {
        int sample = w.sample + at.row + r;
        if (sample >= w.size) continue;
        float *row = global(p.out + sample * p.out_stride);
        UNROLL
        for (int c = 0; c < SIDE; c++) {
            int column = first + column_of<transposed>(at, c), of_four = c % 4;
            // What lies behind the last column is another's.
            if (in_fours && column - of_four + 4 <= p.columns) {
                Four values = {sums[c - of_four][r], sums[c - of_four + 1][r],
                               sums[c - of_four + 2][r], sums[c - of_four + 3][r]};
                if (of_four == 0) four(row + column) = values;
            } else if (column < p.columns) {
                row[column] = sums[c][r];
            }
        }
    }
}

/// The sums of the warps behind the first row of them are added to those of the first row.
DEVICE void add_up(int across, Sums (&sums)[SHARE_OF_A_THREAD], float *handed_over) {
    auto place = [&](int warp, int t, int k) -> float & {
        return handed_over[((warp - 1) * SIDE * SIDE + k) * WARP + t % WARP];
    };
    EACH_THREAD(t) {
        int warp = place_of(t).warp;
        UNROLL
        for (int k = 0; k < SIDE * SIDE && warp >= across; k++) {
            place(warp, t, k) = sums[MINE(t)][k / SIDE][k % SIDE];
        }
    }
    wait_for_block();
    EACH_THREAD(t) {
        int first = place_of(t).warp;
        for (int warp = first + across; first < across && warp < BLOCK / WARP; warp += across) {
            UNROLL
            for (int k = 0; k < SIDE * SIDE; k++) {
                sums[MINE(t)][k / SIDE][k % SIDE] += place(warp, t, k);
            }
        }
    }
}

template <bool transposed>
DEVICE void multiply_block(const Product &p, const Work &w, Left (&left)[2], Right (&right)[2]) {
    Sums sums[SHARE_OF_A_THREAD] = {};
    fetch<transposed>(p, w, 0, left[0], right[0]);
    for (int from = 0, now = 0; from < p.depth; from += w.depth, now = 1 - now) {
        fetch<transposed>(p, w, from + w.depth, left[1 - now], right[1 - now]);
        wait_for_copies<1>();
        wait_for_block();
        EACH_THREAD(t) {
            Place at = place_of(t);
            bool has_column = w.column + at.warp % w.across * WARP_COLUMNS < p.columns;
            if (has_column) {
                add_terms<transposed>(at, w.across, left[now], right[now], sums[MINE(t)]);
            }
        }
        wait_for_block();
    }
    if (w.across < BLOCK / WARP) add_up(w.across, sums, &right[0][0]);
    EACH_THREAD(t) {
        Place at = place_of(t);
        if (at.warp < w.across) store<transposed>(p, w, at, sums[MINE(t)]);
    }
}

TILE_KERNEL(multiply, Layer) {
    const Net net = a.nets[blockIdx.z];
    const Product p = product_of(a, net);
    int side_by_side = across(p.columns);
    const Work w = {a.size, (int)blockIdx.y * Samples, (int)blockIdx.x * Columns, side_by_side,
                    DEEPEST / side_by_side};
    if (w.column >= p.columns) return;
    alignas(16) SHARED Left left[2];
    alignas(16) SHARED Right right[2];
    if (p.transposed) {
        multiply_block<true>(p, w, left, right);
    } else {
        multiply_block<false>(p, w, left, right);
    }
}
