// The weight update and Dale's clamp: the twin of `descend` in samples.rs.
//
// W ← clamp(W − rate · lᵀ r), where l is what a weight's input was and r the error of its target,
// or, for W_EI, the other way round. The sum over a batch is so short that reading and writing W
// is most of the work: each weight is read once and written once.
#include "lanes.cuh"

/// Rows that a thread has in its registers.
enum { ROWS = 16 };
/// Samples that a block has at hand.
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
                a.inhibition + net.activity, a.drive + net.drive + net.units,
                net.units, net.drive_stride, net.inhibitory, a.w_ei + net.w_ei, nullptr};
    }
    return {net.inputs, net.targets, net.units, net.units + net.inhibitory,
            net.rate, net.rate_ie, a.h + net.input, a.delta + net.drive,
            net.inputs, net.drive_stride, net.matrix_stride, a.matrix + net.matrix,
            a.b + net.unit};
}

KERNEL(update_weights, Layer) {
    const Net net = a.nets[blockIdx.z];
    // Frozen.
    if (a.of_w_ei && net.circuit == INHIBITORY_NORM) return;
    Update u = update_of(a, net);
    int first = blockIdx.y * ROWS;
    int column = blockIdx.x * blockDim.x + threadIdx.x;
    if (first >= u.rows || (int)(blockIdx.x * blockDim.x) >= u.columns) return;
    SHARED float left[CHUNK][ROWS];
    float sums[ROWS] = {}, bias = 0.0f;
    for (int from = 0; from < a.size; from += CHUNK) {
        int samples = a.size - from < CHUNK ? a.size - from : CHUNK;
        wait_for_block();
        for (int i = threadIdx.x; i < samples * ROWS; i += blockDim.x) {
            int sample = i / ROWS, row = first + i % ROWS;
            left[sample][i % ROWS] =
                row < u.rows ? u.left[(from + sample) * u.left_stride + row] : 0.0f;
        }
        wait_for_block();
        if (column >= u.columns) continue;
        for (int sample = 0; sample < samples; sample++) {
            float right = u.right[(from + sample) * u.right_stride + column];
            bias += right;
            UNROLL
            for (int row = 0; row < ROWS; row++) sums[row] += left[sample][row] * right;
        }
    }
    if (column >= u.columns) return;
    float rate = column < u.split ? u.rate : u.other_rate;
    UNROLL
    for (int row = 0; row < ROWS; row++) {
        if (first + row < u.rows) {
            float *w = u.weights + (first + row) * u.stride + column;
            float moved = *w - rate * sums[row];
            *w = column < u.clamped ? rectified(moved) : moved;
        }
    }
    if (u.b && first == 0 && column < u.split) u.b[column] -= rate * bias;
}
