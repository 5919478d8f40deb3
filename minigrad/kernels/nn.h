/* What the kernels of _nn.pyx work on; the loops are in nn_template.h. */
#include "functions.h"
#include "task.h"

/* y = a function of x, element by element. */
typedef struct {
    ptrdiff_t size;
    const void *x, *gy; /* gy: for a gradient, else x again */
    void *y;
    /* dropout */
    uint64_t key;
    uint32_t last_kept;
    double scale;
} Elements;

/* Logits z, targets t and probabilities p, (N, K), in tasks of so many rows. */
typedef struct {
    ptrdiff_t N, K, rows;
    const void *z, *t, *gy;
    void *losses, *p, *gz;
} CrossEntropy;

enum { BLOCK = 4096 }; /* elements under one key of dropout's: many, so that it costs nothing */

/* SplitMix64's step (Steele, Lea & Flood 2014): every bit of key moves every bit out. */
static inline uint64_t mix64(uint64_t key)
{
    key += 0x9E3779B97F4A7C15;
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9;
    key = (key ^ (key >> 27)) * 0x94D049BB133111EB;
    return key ^ (key >> 31);
}

/* lowbias32 (Wellons 2018, hash-prospector): the same for 32 bits. */
static inline uint32_t mix32(uint32_t bits)
{
    bits = (bits ^ (bits >> 16)) * 0x7FEB352D;
    bits = (bits ^ (bits >> 15)) * 0x846CA68B;
    return bits ^ (bits >> 16);
}

#define TEMPLATE "nn_template.h"
#pragma GCC diagnostic ignored "-Wunused-variable" /* functions do without gy */
#include "levels.h"

TASK(dropout) TASK(relu_backward) TASK(exp) TASK(tanh) TASK(sigmoid) TASK(erf)
TASK(cross_entropy_forward) TASK(cross_entropy_backward)
