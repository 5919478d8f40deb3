/* One tile of a matrix product, kept in registers: the innermost loop of matmul and convolution.

       out[i, j] = sum over k of a[i, k] * b[k, j]        i < rows,  j < columns

   A tile has 12 rows and two vectors of columns (with AVX-512), all of it in vector registers:

                   b[k, :]   [ b0 ][ b1 ]            two loads for each k
       a[0, k] --> sum[0]    [    ][    ]
       a[1, k] --> sum[1]    [    ][    ]            each a[i, k] is spread over a vector,
         ...        ...                              multiplied with b0 and b1, and added
       a[11,k] --> sum[11]   [    ][    ]

   so that one load of b serves twelve multiplications, and nothing is stored before k is through.

   Each tile is compiled for several instruction sets; the best one that this processor has is
   chosen when the module is loaded. Compilers without GNU C's vectors get vectors of one element.
*/
#ifndef MINIGRAD_TILE_H
#define MINIGRAD_TILE_H

#include <stddef.h>

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define MINIGRAD_X86 1
#endif

enum { MINIGRAD_BASELINE, MINIGRAD_AVX2, MINIGRAD_AVX512 };

static inline int tile_best_level(void)
{
#ifdef MINIGRAD_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        return MINIGRAD_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return MINIGRAD_AVX2;
#endif
    return MINIGRAD_BASELINE;
}

/* The baseline: 16-byte vectors, which x86-64 (SSE2) and aarch64 (NEON) always have. */
#ifdef __GNUC__
#define BYTES 16
#else
#define BYTES sizeof(FLOAT)
#endif
#define TARGET
#define ROWS 6
#define FLOAT float
#define NAME(word) word##_float_baseline
#include "tile_template.h"
#define FLOAT double
#define NAME(word) word##_double_baseline
#include "tile_template.h"
#undef BYTES
#undef TARGET

#ifdef MINIGRAD_X86
#define BYTES 32
#define TARGET __attribute__((target("avx2,fma")))
#define FLOAT float
#define NAME(word) word##_float_avx2
#include "tile_template.h"
#define FLOAT double
#define NAME(word) word##_double_avx2
#include "tile_template.h"
#undef BYTES
#undef TARGET
#undef ROWS

#define BYTES 64
#define TARGET __attribute__((target("avx512f")))
#define ROWS 12
#define FLOAT float
#define NAME(word) word##_float_avx512
#include "tile_template.h"
#define FLOAT double
#define NAME(word) word##_double_avx512
#include "tile_template.h"
#undef BYTES
#undef TARGET
#endif
#undef ROWS

/* What a caller needs to know of the tile for one type at one level. */
typedef struct {
    int rows, columns;
    void (*multiply)(int rows, ptrdiff_t depth, const float *a, ptrdiff_t a_row, ptrdiff_t a_column,
                     const float *b, ptrdiff_t b_row, float *out);
} TileFloat;

typedef struct {
    int rows, columns;
    void (*multiply)(int rows, ptrdiff_t depth, const double *a, ptrdiff_t a_row,
                     ptrdiff_t a_column, const double *b, ptrdiff_t b_row, double *out);
} TileDouble;

static inline TileFloat tile_float(int level)
{
#ifdef MINIGRAD_X86
    if (level == MINIGRAD_AVX512)
        return (TileFloat){12, 32, multiply_float_avx512};
    if (level == MINIGRAD_AVX2)
        return (TileFloat){6, 16, multiply_float_avx2};
#endif
    return (TileFloat){6, columns_float_baseline, multiply_float_baseline};
}

static inline TileDouble tile_double(int level)
{
#ifdef MINIGRAD_X86
    if (level == MINIGRAD_AVX512)
        return (TileDouble){12, 16, multiply_double_avx512};
    if (level == MINIGRAD_AVX2)
        return (TileDouble){6, 8, multiply_double_avx2};
#endif
    return (TileDouble){6, columns_double_baseline, multiply_double_baseline};
}

#endif
