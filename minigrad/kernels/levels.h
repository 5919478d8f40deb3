/* Compile TEMPLATE, a file of loops, for float and double and for several instruction sets, and
   choose among them when a module is loaded: the best set that this processor has, or the one that
   MINIGRAD_SIMD names (baseline, avx2, avx512), if it has that.

   A template sees FLOAT, the type, and INTEGER, one of the same size; NAME(word), which makes a name its own; BYTES, the size of a
   vector; ROWS, the height of a tile (tile.h); and TARGET, to stand before each of its functions.
   A compiler without GNU C's vectors gets vectors of one element.
*/
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef MINIGRAD_LEVELS_H
#define MINIGRAD_LEVELS_H

#include "task.h"

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define MINIGRAD_X86 1
#endif

static int simd_level(void)
{
    int best = 0;
#ifdef MINIGRAD_X86
    const char *wanted = getenv("MINIGRAD_SIMD");
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        best = 1;
    if (best && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        best = 2;
    if (wanted != NULL && strcmp(wanted, "baseline") == 0)
        return 0;
    if (wanted != NULL && strcmp(wanted, "avx2") == 0 && best > 1)
        return 1;
#endif
    return best;
}

/* A function of the loops that were compiled: which(item size of the type) */
#ifdef MINIGRAD_X86
#define CHOICE(type, which, name)                                                                  \
    static inline type which(size_t item)                                                                 \
    {                                                                                              \
        static const type table[3][2] = {                                                          \
            {name##_float_baseline, name##_double_baseline},                                       \
            {name##_float_avx2, name##_double_avx2},                                               \
            {name##_float_avx512, name##_double_avx512},                                           \
        };                                                                                         \
        static int level = -1;                                                                     \
        if (level < 0)                                                                             \
            level = simd_level();                                                                  \
        return table[level][item == sizeof(double)];                                               \
    }
#else
#define CHOICE(type, which, name)                                                                  \
    static inline type which(size_t item)                                                                 \
    {                                                                                              \
        return item == sizeof(double) ? name##_double_baseline : name##_float_baseline;            \
    }
#endif

#define TASK(name) CHOICE(Task, name##_task, name)
#endif

/* 16-byte vectors: SSE2 and NEON, which x86-64 and aarch64 always have. */
#ifdef __GNUC__
#define BYTES 16
#else
#define BYTES sizeof(FLOAT)
#endif
#ifdef __aarch64__
#define ROWS 12
#else
#define ROWS 6
#endif
#define TARGET
#define FLOAT float
#define INTEGER int32_t
#define NAME(word) word##_float_baseline
#include TEMPLATE
#undef FLOAT
#undef INTEGER
#undef NAME
#define FLOAT double
#define INTEGER int64_t
#define NAME(word) word##_double_baseline
#include TEMPLATE
#undef FLOAT
#undef INTEGER
#undef NAME
#undef BYTES
#undef ROWS
#undef TARGET

#ifdef MINIGRAD_X86
#define BYTES 32
#define ROWS 6
#define TARGET __attribute__((target("avx2,fma")))
#define FLOAT float
#define INTEGER int32_t
#define NAME(word) word##_float_avx2
#include TEMPLATE
#undef FLOAT
#undef INTEGER
#undef NAME
#define FLOAT double
#define INTEGER int64_t
#define NAME(word) word##_double_avx2
#include TEMPLATE
#undef FLOAT
#undef INTEGER
#undef NAME
#undef BYTES
#undef ROWS
#undef TARGET

#define BYTES 64
#define ROWS 14
/* Plain loops get half vectors: arrays from malloc begin 16 bytes into a cache line, so every whole
   vector would lie across two of them, which made Adam's step twice as long. */
#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,prefer-vector-width=256")))
#define FLOAT float
#define INTEGER int32_t
#define NAME(word) word##_float_avx512
#include TEMPLATE
#undef FLOAT
#undef INTEGER
#undef NAME
#define FLOAT double
#define INTEGER int64_t
#define NAME(word) word##_double_avx512
#include TEMPLATE
#undef FLOAT
#undef INTEGER
#undef NAME
#undef BYTES
#undef ROWS
#undef TARGET
#endif
