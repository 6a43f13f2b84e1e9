// The luminosity shift: the port of src/dataset/luminosity.rs. One thread a pixel.
#include "lanes.cuh"

struct Shift {
    const unsigned char *images;
    const float *shifts;
    float *x;
    int pixels, size;
};
static_assert(sizeof(Shift) == 32, "Shift");
AT(Shift, images, 0); AT(Shift, shifts, 8); AT(Shift, x, 16); AT(Shift, pixels, 24);
AT(Shift, size, 28);

KERNEL(shift_images, Shift) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (long long)a.pixels * a.size) return;
    float shifted = (float)a.images[i] / 255.0f + a.shifts[i / a.pixels];
    a.x[i] = fminf(fmaxf(shifted, 0.0f), 1.0f);
}
