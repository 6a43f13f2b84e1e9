// All kernels, as one module.
#include "augmentation.cu"
#include "passes.cu"
#include "product.cu"
#include "update.cu"
#include "loss.cu"
