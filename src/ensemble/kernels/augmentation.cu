// What is changed of an image each time it is shown: the port of src/dataset/augmentation.rs. One
// thread a pixel.
#include "lanes.cuh"

/// One number an image, from U(−ε, ε). Where there are `means`, of each image's pixels, it changes
/// the contrast, and else the luminosity.
struct Augment {
    const unsigned char *images;
    const float *numbers, *means;
    float *x;
    int pixels, size;
};
static_assert(sizeof(Augment) == 40, "Augment");
AT(Augment, images, 0); AT(Augment, numbers, 8); AT(Augment, means, 16); AT(Augment, x, 24);
AT(Augment, pixels, 32); AT(Augment, size, 36);

KERNEL(augment_images, Augment) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (long long)a.pixels * a.size) return;
    float pixel = (float)a.images[i] / 255.0f, number = a.numbers[i / a.pixels];
    float change = number;
    if (a.means) {
        change = (fmaxf(1.0f + number, 0.0f) - 1.0f) * (pixel - a.means[i / a.pixels]);
    }
    a.x[i] = fminf(fmaxf(pixel + change, 0.0f), 1.0f);
}
