// The luminosity shift: the twin of luminosity.rs. One thread a pixel.
#include "../engine/lanes.cuh"

struct Shift {
    const unsigned char *images;
    const float *shifts;
    float *x;
    int pixels, size;
};

KERNEL(shift_images, Shift) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (long long)a.pixels * a.size) return;
    float shifted = (float)a.images[i] / 255.0f + a.shifts[i / a.pixels];
    a.x[i] = fminf(fmaxf(shifted, 0.0f), 1.0f);
}
