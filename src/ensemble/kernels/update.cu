// The weight update and Dale's clamp: the port of src/engine/update.rs.
//
// W ← clamp(W − rate · lᵀ r), where l is what a weight's input was and r the error of its target,
// or, for W_EI, the other way round. The sum over a batch is so short that reading and writing W
// is most of the work: each weight is read once and written once. A thread's rows and columns are
// in its registers; its columns are a block's width apart. Nothing waits for memory alone: the
// errors of several samples are on their way at a time, and so are all weights of a thread.
#include "lanes.cuh"

/// Samples that a block has in shared memory, and samples whose errors a thread reads ahead.
constexpr int CHUNK = 32, AHEAD = 8;

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

/// Fetches the inputs of the rows behind `first` for the samples behind `from`; 0 behind the last.
DEVICE void fetch_inputs(const Update &u, int size, int first, int from,
                         float (&left)[CHUNK][Rows]) {
    UNROLL
    for (int k = 0; k < CHUNK * Rows / threads(); k++) {
        int i = threadIdx.x + k * threads(), sample = from + i / Rows, row = first + i % Rows;
        bool exists = sample < size && row < u.rows;
        left[i / Rows][i % Rows] = exists ? unchanging(u.left + sample * u.left_stride + row) : 0;
    }
}

/// Adds lᵀ r of AHEAD samples behind `from`, of which `samples` exist.
DEVICE void add_samples(const Update &u, int column, int from, int samples,
                        const float (*left)[Rows], float (&sums)[Columns][Rows],
                        float (&bias)[Columns]) {
    float right[AHEAD][Columns];
    UNROLL
    for (int sample = 0; sample < AHEAD; sample++) {
        UNROLL
        for (int c = 0; c < Columns; c++) {
            int at = column + c * threads();
            bool exists = sample < samples && at < u.columns;
            right[sample][c] =
                exists ? unchanging(u.right + (from + sample) * u.right_stride + at) : 0.0f;
        }
    }
    UNROLL
    for (int sample = 0; sample < AHEAD; sample++) {
        UNROLL
        for (int c = 0; c < Columns; c++) {
            bias[c] += right[sample][c];
            UNROLL
            for (int row = 0; row < Rows; row++) {
                sums[c][row] += left[sample][row] * right[sample][c];
            }
        }
    }
}

/// Moves one thread's weights; all are on their way before the first is written.
DEVICE void move_weights(const Update &u, int first, int column,
                         const float (&sums)[Columns][Rows]) {
    float *w = global(u.weights + first * u.stride + column);
    float moved[Columns][Rows];
    UNROLL
    for (int c = 0; c < Columns; c++) {
        int at = column + c * threads();
        float rate = at < u.split ? u.rate : u.other_rate;
        UNROLL
        for (int row = 0; row < Rows; row++) {
            bool exists = first + row < u.rows && at < u.columns;
            float weight = exists ? w[row * u.stride + c * threads()] : 0.0f;
            float x = weight - rate * sums[c][row];
            moved[c][row] = at < u.clamped ? rectified(x) : x;
        }
    }
    UNROLL
    for (int c = 0; c < Columns; c++) {
        UNROLL
        for (int row = 0; row < Rows; row++) {
            bool exists = first + row < u.rows && column + c * threads() < u.columns;
            if (exists) w[row * u.stride + c * threads()] = moved[c][row];
        }
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
        int samples = at_most(CHUNK, a.size - from);
        wait_for_block();
        fetch_inputs(u, a.size, first, from, left);
        wait_for_block();
        for (int sample = 0; sample < samples; sample += AHEAD) {
            add_samples(u, column, from + sample, samples - sample, left + sample, sums, bias);
        }
    }
    move_weights(u, first, column, sums);
    if (!u.b || first > 0) return;
    UNROLL
    for (int c = 0; c < Columns; c++) {
        int at = column + c * threads();
        if (at < u.split) *global(u.b + at) -= u.rate * bias[c];
    }
}
