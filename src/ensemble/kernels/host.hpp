// Kernels on the processor, for tests: each lane is a thread, and lanes that have to meet do.
//
// A block is one row of lanes at a time, in any number that is a power of two; with one lane there
// are no threads at all.
#pragma once
#include <barrier>
#include <cmath>
#include <cstring>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

using std::isfinite;

struct Triple {
    unsigned x, y, z;
};
static Triple gridDim, blockDim;
static thread_local Triple blockIdx, threadIdx;
static std::optional<std::barrier<>> meeting;
static std::vector<double> exchanged;

#define DEVICE static inline
#define SHARED static
#define UNROLL
#define UNROLL_NOT
#define UNROLL_A_FEW
DEVICE int lane() { return (int)threadIdx.x; }
DEVICE int lanes() { return (int)blockDim.x; }
DEVICE void wait_for_block() {
    if (lanes() > 1) meeting->arrive_and_wait();
}
DEVICE void copy_ahead(float *to, const float *from, bool exists) { *to = exists ? *from : 0.0f; }
DEVICE void copy_four_ahead(float *to, const float *from, int count) {
    for (int i = 0; i < 4; i++) copy_ahead(to + i, from + i, i < count);
}
DEVICE void end_group() {}
template <int groups> DEVICE void wait_for_copies() {}
DEVICE void want(const float *) {}
#define EACH_THREAD(t) for (int t = (int)threadIdx.x; t < BLOCK; t += lanes())
#define MINE(t) ((t) / lanes())
#define SHARE_OF_A_THREAD 128
DEVICE float *global(float *x) { return x; }
template <class T> DEVICE T from_lane(T x, int distance) {
    exchanged[lane()] = (double)x;
    wait_for_block();
    T other = (T)exchanged[lane() ^ distance];
    wait_for_block();
    return other;
}

/// Runs `body` in every lane of every row of every block.
static void run_grid(Triple blocks, Triple threads, const std::function<void()> &body) {
    gridDim = blocks;
    blockDim = threads;
    exchanged.assign(threads.x, 0.0);
    meeting.emplace(threads.x);
    auto work = [&](unsigned x) {
        threadIdx.x = x;
        for (unsigned b = 0; b < blocks.x * blocks.y * blocks.z; b++) {
            blockIdx = {b % blocks.x, b / blocks.x % blocks.y, b / blocks.x / blocks.y};
            for (threadIdx.y = 0; threadIdx.y < threads.y; threadIdx.y++) body();
            wait_for_block();
        }
    };
    std::vector<std::thread> others;
    for (unsigned x = 1; x < threads.x; x++) others.emplace_back(work, x);
    work(0);
    for (auto &other : others) other.join();
}

#define KERNEL(name, Arguments)                                                             \
    static void name##_lane(const Arguments &a);                                            \
    extern "C" void name(const unsigned *grid, const void *arguments) {                     \
        Arguments a;                                                                        \
        std::memcpy(&a, arguments, sizeof a);                                               \
        run_grid({grid[0], grid[1], grid[2]}, {grid[3], grid[4], 1}, [&] { name##_lane(a); }); \
    }                                                                                       \
    static void name##_lane(const Arguments &a)
#define TILE_KERNEL KERNEL
