// The weight update and Dale's clamp: the port of src/engine/update.rs.
//
// W ← clamp(W − rate · lᵀ r), where l is what a weight's input was and r the error of its target,
// or, for W_EI, the other way round. The sum over a batch is so short that reading and writing W
// is most of the work: each weight is read once and written once. A thread's rows and columns are
// in its registers; its columns are a block's width apart.
#include "lanes.cuh"

/// Samples that a block has in shared memory.
enum { CHUNK = 32 };

struct Update {
    int rows, columns, split, clamped;
    float rate, other_rate;
    const float *left, *right;
    long long left_stride, right_stride, stride;
    float *weights, *b;
};

DEVICE Update update_of(const Layer &a, const Net &net) {
    if (a.of_w_ei) {
        return {net.units, net.inhibitory, 0, net.inhibitory, 0.0f, net.rate_ei,
                a.inhibition + net.activity, a.pre_activation + net.pre_activation + net.units,
                net.units, net.pre_activation_stride, net.inhibitory, a.w_ei + net.w_ei, nullptr};
    }
    return {net.inputs, net.targets, net.units, net.units + net.inhibitory,
            net.rate, net.rate_ie, a.h + net.input, a.delta + net.pre_activation,
            net.inputs, net.pre_activation_stride, net.matrix_stride, a.matrix + net.matrix,
            a.b + net.unit};
}

/// Moves one thread's weights of one column; `w` is the first.
DEVICE void move_column(const Update &u, float *w, int rows, const float *sums, float rate,
                        bool clamped) {
    float moved[Rows];
    // All are on their way before the first is written.
    UNROLL
    for (int row = 0; row < Rows; row++) {
        if (row < rows) moved[row] = w[row * u.stride] - rate * sums[row];
    }
    UNROLL
    for (int row = 0; row < Rows; row++) {
        if (row < rows) w[row * u.stride] = clamped ? rectified(moved[row]) : moved[row];
    }
}

KERNEL(update_weights, Layer) {
    const Net net = a.nets[blockIdx.z];
    // Frozen.
    if (a.of_w_ei && net.circuit == INHIBITORY_NORM) return;
    Update u = update_of(a, net);
    int first = blockIdx.y * Rows, from_column = blockIdx.x * threads() * Columns;
    int column = from_column + threadIdx.x;
    if (first >= u.rows || from_column >= u.columns) return;
    alignas(16) SHARED float left[CHUNK][Rows];
    float sums[Columns][Rows] = {}, bias[Columns] = {};
    for (int from = 0; from < a.size; from += CHUNK) {
        int samples = a.size - from < CHUNK ? a.size - from : CHUNK;
        wait_for_block();
        for (int i = threadIdx.x; i < samples * Rows; i += threads()) {
            int sample = i / Rows, row = first + i % Rows;
            left[sample][i % Rows] =
                row < u.rows ? u.left[(from + sample) * u.left_stride + row] : 0.0f;
        }
        wait_for_block();
        if (column >= u.columns) continue;
        for (int sample = 0; sample < samples; sample++) {
            const float *right = u.right + (from + sample) * u.right_stride + column;
            UNROLL
            for (int c = 0; c < Columns; c++) {
                float x = column + c * threads() < u.columns ? right[c * threads()] : 0.0f;
                bias[c] += x;
                UNROLL
                for (int row = 0; row < Rows; row++) sums[c][row] += left[sample][row] * x;
            }
        }
    }
    UNROLL
    for (int c = 0; c < Columns; c++) {
        int at = column + c * threads();
        if (at >= u.columns) return;
        float rate = at < u.split ? u.rate : u.other_rate;
        float *w = u.weights + first * u.stride + at;
        move_column(u, w, u.rows - first, sums[c], rate, at < u.clamped);
        if (u.b && first == 0 && at < u.split) u.b[at] -= rate * bias[c];
    }
}
