/* Compile TEMPLATE, a file of loops, for float and double and for several instruction sets, and
   choose among them when a loop is first asked for: the best set that this processor has, or the
   one that MINIGRAD_SIMD names (baseline, avx2, avx512), if it has that.

   A template sees FLOAT, the type, and INTEGER, the integer of its size; NAME(word), which makes a
   name its own; BYTES, the size of a vector; ROWS, the height of a tile (tile.h); and TARGET, to
   stand before each of its functions. A compiler without GNU C's vectors gets vectors of one
   element; MINIGRAD_PLAIN makes any compiler such a one.
*/
#ifndef MINIGRAD_LEVELS_H
#define MINIGRAD_LEVELS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tasks.h"

/* "Ignore vector dependencies": nothing that is written for one element is read for the next. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed" /* loops of double call the C library */
#define IVDEP _Pragma("clang loop vectorize(assume_safety)")
#else
#define IVDEP _Pragma("GCC ivdep")
#endif

#define JOIN(word, type, level) PASTE(word, type, level)
#define PASTE(word, type, level) word##_##type##_##level

#if defined(__GNUC__) && !defined(MINIGRAD_PLAIN) && (defined(__x86_64__) || defined(__i386__))
#define MINIGRAD_X86 1
enum { BASELINE, AVX2, AVX512 };

static int simd_level(void)
{
    static int chosen = -1;
    const char *wanted = getenv("MINIGRAD_SIMD");
    int level = BASELINE;
    if (chosen >= 0)
        return chosen;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        level = AVX2;
    if (level == AVX2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        level = AVX512;
    if (wanted != NULL && strcmp(wanted, "avx2") == 0 && level > AVX2)
        level = AVX2;
    if (wanted != NULL && strcmp(wanted, "baseline") == 0)
        level = BASELINE;
    return chosen = level;
}

/* Define which(item), the loop `name` for the type of that size at this processor's level. */
#define CHOICE(type, which, name)                                                                  \
    static inline type which(size_t item)                                                          \
    {                                                                                              \
        static const type table[3][2] = {                                                          \
            {name##_float_baseline, name##_double_baseline},                                       \
            {name##_float_avx2, name##_double_avx2},                                               \
            {name##_float_avx512, name##_double_avx512},                                           \
        };                                                                                         \
        return table[simd_level()][item == sizeof(double)];                                        \
    }
#else
#define CHOICE(type, which, name)                                                                  \
    static inline type which(size_t item)                                                          \
    {                                                                                              \
        return item == sizeof(double) ? name##_double_baseline : name##_float_baseline;            \
    }
#endif

#define TASK(name) CHOICE(Task, name##_task, name)
#endif

/* 16-byte vectors: SSE2 and NEON, which x86-64 and aarch64 always have. */
#define LEVEL baseline
#define TARGET
#if defined(__GNUC__) && !defined(MINIGRAD_PLAIN)
#define BYTES 16
#else
#define BYTES sizeof(FLOAT)
#endif
#ifdef __aarch64__
#define ROWS 12 /* it has 32 registers, SSE2 and AVX2 have 16 */
#else
#define ROWS 6
#endif
#include "types.h"

#ifdef MINIGRAD_X86
#define LEVEL avx2
#define TARGET __attribute__((target("avx2,fma")))
#define BYTES 32
#define ROWS 6
#include "types.h"

#define LEVEL avx512
#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")))
#define BYTES 64
#define ROWS 14
#include "types.h"
#endif
