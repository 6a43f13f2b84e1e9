// The weight update and Dale's clamp: the port of src/engine/update.rs.
//
// W ← clamp(W − rate · lᵀ r), where l is what a weight's input was and r the error of its target,
// or, for W_EI, the other way round. The sum over a batch is so short that reading and writing W
// is most of the work: each weight is read once and written once, and asked for before the sums
// begin. A block has inputs and errors in shared memory; where there are few columns, some of its
// warps have other rows.
#include "lanes.cuh"

/// Samples that a block has in shared memory.
constexpr int CHUNK = 32;

struct Update {
    int rows, columns, split, clamped, clamped_b;
    float rate, other_rate;
    const float *left, *right;
    long long left_stride, right_stride, stride;
    float *weights, *b;
};

DEVICE Update update_of(const Layer &a, const Net &net) {
    if (a.of_w_ei) {
        int clamped = net.non_negative > 0 ? net.inhibitory : 0;
        return {net.units, net.inhibitory, 0, clamped, 0, 0.0f, net.rate_ei,
                a.inhibition + net.activity, a.pre_activation + net.pre_activation + net.units,
                padded(net.units), net.pre_activation_stride, padded(net.inhibitory),
                a.w_ei + net.w_ei, nullptr};
    }
    return {net.inputs, net.targets, net.units, net.non_negative, net.non_negative_b,
            net.rate, net.rate_ie, a.h + net.input, a.delta + net.pre_activation,
            padded(net.inputs), net.pre_activation_stride, net.matrix_stride, a.matrix + net.matrix,
            a.b + net.unit};
}

typedef float Inputs[CHUNK][Rows];
typedef float Errors[CHUNK][Columns];

/// Fetches the samples behind `from`, for the rows behind `row` and the columns behind `column`; 0
/// behind the last of everything.
DEVICE void fetch(const Update &u, int size, int row, int column, int from, Inputs &inputs,
                  Errors &errors) {
    bool in_fours = (size_t)u.right % sizeof(Four) == 0;
    EACH_THREAD(t) {
        UNROLL
        for (int k = 0; k < CHUNK * Rows / 4 / BLOCK; k++) {
            int i = t + k * BLOCK, sample = i / (Rows / 4), at = i % (Rows / 4) * 4;
            const float *x = u.left + (from + sample) * u.left_stride + row + at;
            copy_four_ahead(&inputs[sample][at], x, from + sample < size ? u.rows - row - at : 0);
        }
        UNROLL_A_FEW
        for (int k = 0; k < CHUNK * Columns / 4 / BLOCK; k++) {
            int i = t + k * BLOCK, sample = i / (Columns / 4), at = i % (Columns / 4) * 4;
            int count = from + sample < size ? u.columns - column - at : 0;
            const float *x = u.right + (from + sample) * u.right_stride + column + at;
            if (in_fours) {
                copy_four_ahead(&errors[sample][at], x, count);
            } else {
                UNROLL
                for (int c = 0; c < 4; c++) copy_ahead(&errors[sample][at + c], x + c, c < count);
            }
        }
    }
    end_group();
    wait_for_copies<0>();
}

/// sums += lᵀ r of the samples in shared memory.
DEVICE void add_samples(const Inputs &inputs, const Errors &errors, int row, int column,
                        float (&sums)[SIDE][SIDE]) {
    UNROLL_A_FEW
    for (int sample = 0; sample < CHUNK; sample++) {
        Four rows[2] = {four(&inputs[sample][row]), four(&inputs[sample][row + 4])};
        Four columns[2] = {four(&errors[sample][column]), four(&errors[sample][column + 32])};
        UNROLL
        for (int r = 0; r < SIDE; r++) {
            UNROLL
            for (int c = 0; c < SIDE; c++) {
                sums[r][c] += rows[r / 4].x[r % 4] * columns[c / 4].x[c % 4];
            }
        }
    }
}

/// Moves a thread's weights: rows behind `row`, and two times four columns from `column` on. Four
/// rows at a time, as many as there are registers for.
DEVICE void move_weights(const Update &u, int row, int column, const float (&sums)[SIDE][SIDE]) {
    UNROLL
    for (int k = 0; k < 4; k++) {
        int first = column + k / 2 * 32, r = k % 2 * 4;
        if (first >= u.columns) return;
        float *w = global(u.weights + (row + r) * u.stride + first);
        int rows = u.rows - row - r;
        Four weights[4];
        UNROLL
        for (int i = 0; i < 4; i++) {
            if (i < rows) weights[i] = four(w + i * u.stride);
        }
        UNROLL
        for (int i = 0; i < 4; i++) {
            UNROLL
            for (int c = 0; c < 4; c++) {
                // Behind the last column there is room up to a multiple of four, and no error.
                float rate = first + c < u.split ? u.rate : u.other_rate;
                float x = weights[i].x[c] - rate * sums[r + i][k / 2 * 4 + c];
                weights[i].x[c] = first + c < u.clamped ? rectified(x) : x;
            }
            if (i < rows) four(w + i * u.stride) = weights[i];
        }
    }
}

TILE_KERNEL(update_weights, Layer) {
    const Net net = a.nets[blockIdx.z];
    // Frozen.
    if (a.of_w_ei && learns_variance(net.circuit)) return;
    const Update u = update_of(a, net);
    int from_row = blockIdx.y * Rows, from_column = blockIdx.x * Columns;
    if (from_row >= u.rows || from_column >= u.columns) return;
    int side_by_side = across(u.columns);
    alignas(16) SHARED Inputs inputs;
    alignas(16) SHARED Errors errors;
    // Warps that lie side by side have one tile after the other.
    for (int tile = 0; tile < Rows / WARP_ROWS; tile++) {
        float sums[SHARE_OF_A_THREAD][SIDE][SIDE] = {};
        bool all = side_by_side == BLOCK / WARP;
        EACH_THREAD(t) {
            UNROLL
            for (int k = 0; k < WARP_ROWS * Columns / WARP / BLOCK; k++) {
                int i = t + k * BLOCK, row = from_row + tile * WARP_ROWS + i / (Columns / WARP);
                int column = from_column + i % (Columns / WARP) * WARP;
                if (row < u.rows && column < u.columns) want(u.weights + row * u.stride + column);
            }
        }
        for (int from = 0; from < a.size; from += CHUNK) {
            // A batch that fits is there for all tiles.
            if (tile == 0 || a.size > CHUNK) {
                wait_for_block();
                fetch(u, a.size, from_row, from_column, from, inputs, errors);
                wait_for_block();
            }
            EACH_THREAD(t) {
                Place at = place_of(t);
                if (!all && at.warp / side_by_side != tile) continue;
                int column = at.warp % side_by_side * WARP_COLUMNS;
                if (from_column + column >= u.columns) continue;
                add_samples(inputs, errors, tile * WARP_ROWS + at.row, column + at.column * 4,
                            sums[MINE(t)]);
            }
            if (!u.b || from_row + tile > 0) continue;
            EACH_THREAD(t) {
                for (int c = t; c < Columns && from_column + c < u.split; c += BLOCK) {
                    float sum = 0;
                    UNROLL_A_FEW
                    for (int sample = 0; sample < CHUNK; sample++) sum += errors[sample][c];
                    float *b = global(u.b + from_column + c), moved = *b - u.rate * sum;
                    // Only when all samples have been counted.
                    bool clamped = from_column + c < u.clamped_b && from + CHUNK >= a.size;
                    *b = clamped ? rectified(moved) : moved;
                }
            }
        }
        EACH_THREAD(t) {
            Place at = place_of(t);
            if (!all && at.warp / side_by_side != tile) continue;
            int column = from_column + at.warp % side_by_side * WARP_COLUMNS + at.column * 4;
            move_weights(u, from_row + tile * WARP_ROWS + at.row, column, sums[MINE(t)]);
        }
    }
}
