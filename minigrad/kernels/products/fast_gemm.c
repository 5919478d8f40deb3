/* What gemm.pyx calls: the matrix product, for one type and one instruction set. setup.py compiles
   this file with -DFLOAT=float -DEXPORTED=fast_gemm_float, again for double, and both for each
   instruction set, and links the objects into the modules gemm_baseline, gemm_avx2, ... */
#include "matmul.h"

const Products EXPORTED = {
    .item_size = sizeof(real),
    .tile_rows = MR,
    .tile_columns = NR,
    .matmul = matmul,
    .build_bitmask = build_bitmask,
    .add_sums = add_sums,
};
