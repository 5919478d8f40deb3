/* What gemm.pyx and conv.pyx call: matrix products and convolutions, for one type and one
   instruction set. setup.py compiles this file with -DFLOAT=float -DEXPORTED=fast_float, again for
   double, and both for each instruction set, and links the objects into the modules gemm_baseline,
   gemm_avx2, ... */
#include "implicit_gemm.h"
#include "matmul.h"
#include "winograd.h"

const Products EXPORTED = {
    .item_size = sizeof(real),
    .tile_rows = MR,
    .tile_columns = NR,
    .matmul = matmul,
    .find_zeros = find_zeros,
    .is_finite = is_finite,
    .conv_forward = conv_forward,
    .conv_backward_kernel = conv_backward_kernel,
    .conv_backward_bias = conv_backward_bias,
    .conv_backward_input = conv_backward_input,
    .winograd_kernel = winograd_kernel,
    .winograd_forward = winograd_forward,
    .winograd_backward_kernel = winograd_backward_kernel,
    .winograd_kernel_back = winograd_kernel_back,
    .pack = pack,
    .add_sums = add_sums,
};
