// All kernels, as one module.
#include "luminosity.cu"
#include "passes.cu"
#include "product.cu"
#include "update.cu"
#include "loss.cu"
