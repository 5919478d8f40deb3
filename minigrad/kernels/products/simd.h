/* Vectors: several elements in one register, and one instruction for all of them.

   GNU C writes them like numbers: `sum += a * b` multiplies and adds 16 floats at once where
   Vector has 64 bytes. The C files are compiled once for each type (-DFLOAT=float, double) and
   instruction set (-mavx512f ..., -mavx2 -mfma, none); the compiler says which by its macros:

       instruction set    bytes of a vector    registers    MR x NR (float)
       AVX-512                 64                 32           14 x 32
       AVX2                    32                 16            6 x 16
       SSE2 (x86-64)           16                 16            6 x 8
       NEON (aarch64)          16                 32           12 x 8

   MR x NR is the tile of y that the micro-kernel keeps in registers (gemm_microkernel.h). */
#pragma once

#include <stdint.h>
#include <string.h>

#include "problem.h"

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define MR 14
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#define MR 6
#elif defined(__aarch64__)
#define VECTOR_BYTES 16
#define MR 12
#else
#define VECTOR_BYTES 16
#define MR 6
#endif
#define HALF_BYTES (VECTOR_BYTES < 32 ? VECTOR_BYTES : 32)

/* Unroll a loop whose length is a constant where it is inlined: sums in an array then become
   registers. clang 14 ignores GCC's pragma and keeps them in memory: up to 2.8 times as long. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#define INLINE static inline __attribute__((always_inline))
#define ALIGNED __attribute__((aligned(VECTOR_BYTES))) /* no vector of it lies across two lines */

typedef FLOAT real;
typedef __typeof__(_Generic((real)0, float: (int32_t)0, double: (int64_t)0)) integer; /* as wide */

/* Vectors that may be read and written at any element, through a cast of a pointer to it (but for
   Mask, which stays in registers). A comparison gives a mask: -1 (all bits) where it holds, else 0.

   Half is for what stores few columns, and for the gradient of pooling: with 64-byte vectors
   gcc 12 makes it 19 % slower (222 -> 265 us). */
#define VECTOR(bytes) __attribute__((vector_size(bytes), aligned(sizeof(real)), may_alias))
typedef real Vector VECTOR(VECTOR_BYTES);
typedef integer Mask __attribute__((vector_size(VECTOR_BYTES)));
typedef real Half VECTOR(HALF_BYTES);
typedef integer HalfMask VECTOR(HALF_BYTES);
typedef unsigned char Bytes
    __attribute__((vector_size(VECTOR_BYTES / sizeof(real)), aligned(1), may_alias));

enum {
    LANES = VECTOR_BYTES / sizeof(real), /* elements of a Vector */
    HALF_LANES = HALF_BYTES / sizeof(real),
    NR = 2 * LANES,
    LINE = LINE_BYTES / sizeof(real), /* elements of a line of the cache */
};

/* a where the mask is set, else b. A macro: of a function gcc 12 makes ((a ^ b) & mask) ^ b, which
   takes fused pooling 4 % longer. */
#define BLEND(mask, a, b) ((Vector)(((Mask)(a) & (mask)) | ((Mask)(b) & ~(mask))))

/* relu(x) = x < 0 ? 0 : x, so NaN and -0 stay as they are. */
INLINE Vector relu_vector(Vector x) {
    return (Vector)((Mask)x & ~(Mask)(x < 0));
}

/* x < lowest ? lowest : x, which is relu where lowest is 0. */
INLINE Half at_least(Half x, real lowest) {
    const Half low = (Half){0} + lowest;
    const HalfMask below = (HalfMask)(x < low);
    return (Half)(((HalfMask)low & below) | ((HalfMask)x & ~below));
}

/* n elements; a vector's other elements are 0, or not stored. */
INLINE Vector load(const real *from, isize n) {
    Vector v = {0};
    if (n >= LANES) return *(const Vector *)from;
    memcpy(&v, from, n * sizeof(real));
    return v;
}

INLINE void store(Vector v, real *to, isize n) {
    if (n >= LANES) *(Vector *)to = v;
    else memcpy(to, &v, n * sizeof(real));
}

INLINE isize least(isize a, isize b) {
    return a < b ? a : b;
}
