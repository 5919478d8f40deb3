/* What conv.pyx calls: convolution, for one type and one instruction set (see fast_gemm.c). */
#include "implicit_gemm.h"

const Products EXPORTED = {
    .item_size = sizeof(real),
    .tile_rows = MR,
    .tile_columns = NR,
    .conv_forward = conv_forward,
    .conv_backward_kernel = conv_backward_kernel,
    .conv_backward_input = conv_backward_input,
    .pack = pack,
    .flip_kernel = flip_kernel,
    .add_sums = add_sums,
};
