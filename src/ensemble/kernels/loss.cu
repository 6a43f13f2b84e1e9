// Cross-entropy with label smoothing: the port of src/engine/loss.rs. One row of lanes a network;
// in double precision, for the reason given there.
#include "lanes.cuh"

/// What the task loss of one network came to: src/ensemble/arguments.rs says what each field is.
struct Score {
    double loss;
    unsigned correct, diverged;
};
static_assert(sizeof(Score) == 16, "Score");
AT(Score, loss, 0); AT(Score, correct, 8); AT(Score, diverged, 12);

struct Loss {
    const Net *nets;
    const float *z;
    float *error;
    const unsigned char *labels;
    Score *scores;
    int size, networks;
    unsigned step;
};
static_assert(sizeof(Loss) == 56, "Loss");
AT(Loss, nets, 0); AT(Loss, z, 8); AT(Loss, error, 16); AT(Loss, labels, 24); AT(Loss, scores, 32);
AT(Loss, size, 40); AT(Loss, networks, 44); AT(Loss, step, 48);

/// What one sample costs; `hit` says whether it was classified correctly.
DEVICE double cost_of(const float *logits, float *error, int n, int label, double smoothing,
                      double per_sample, bool *hit) {
    double largest = -INFINITY, total = 0.0, loss = 0.0;
    bool best = true;
    for (int i = 0; i < n; i++) {
        largest = fmax(largest, (double)logits[i]);
        float at_label = logits[label];
        best = best && (logits[i] < at_label || (logits[i] == at_label && i >= label));
    }
    for (int i = 0; i < n; i++) total += exp((double)logits[i] - largest);
    double log_sum = largest + log(total);
    for (int i = 0; i < n; i++) {
        double target = smoothing / n + (i == label ? 1.0 - smoothing : 0.0);
        double log_probability = (double)logits[i] - log_sum;
        loss -= target * log_probability;
        error[i] = (float)((exp(log_probability) - target) * per_sample);
    }
    *hit = best;
    return loss;
}

KERNEL(task_loss, Loss) {
    int network = blockIdx.x * blockDim.y + threadIdx.y;
    if (network >= a.networks) return;
    const Net net = a.nets[network];
    double loss = 0.0;
    float correct = 0.0f;
    for (int sample = lane(); sample < a.size; sample += lanes()) {
        long long at = net.activity + (long long)sample * padded(net.units);
        bool hit;
        loss += cost_of(a.z + at, a.error + at, net.units, a.labels[sample], net.smoothing,
                        1.0 / a.size, &hit);
        correct += hit ? 1.0f : 0.0f;
    }
    loss = sum_lanes(loss);
    correct = sum_lanes(correct);
    if (lane() > 0) return;
    Score &score = a.scores[network];
    score.loss += loss;
    score.correct += (unsigned)correct;
    if (!isfinite(loss) && score.diverged == 0) score.diverged = a.step;
}
