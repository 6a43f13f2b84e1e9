// All kernels, as one module.
#include "../dataset/luminosity.cu"
#include "../engine/passes.cu"
#include "../engine/product.cu"
#include "../engine/update.cu"
#include "../learning/loss.cu"
