/* The best instruction set that this processor has, of those that setup.py builds for. */
#pragma once

static const char *best_instruction_set(void) {
#ifdef MINIGRAD_X86 /* set by setup.py where it builds for them */
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return "baseline";
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        return "avx512";
    return "avx2";
#else
    return "baseline";
#endif
}

/* Which products were built: a compiler without vector extensions gets the plain ones alone. */
static const char *default_kind(void) {
#ifdef MINIGRAD_PLAIN
    return "plain";
#else
    return "fast";
#endif
}
