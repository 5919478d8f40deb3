/* Dropout keeps an element if a hash of the seed and of the element's number is small. dropout.pyx
   explains the hash. Two loops use it: the one there, and the one of fused_pool.h. */
#pragma once

#include <stdint.h>

typedef struct {
    uint64_t key, first; /* first: the number of element 0 */
    uint32_t last_kept; /* the largest hash that is kept */
    double scale;       /* of what is kept; 0: no dropout */
} Dropout;

enum { BLOCK = 4096 }; /* elements that share a key, which costs 1 ns to make */

/* SplitMix64's step (Steele, Lea & Flood 2014): each bit of the result depends on all of key. */
static inline uint64_t mix64(uint64_t key) {
    key += 0x9E3779B97F4A7C15;
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9;
    key = (key ^ (key >> 27)) * 0x94D049BB133111EB;
    return key ^ (key >> 31);
}

/* lowbias32 (Wellons 2018, hash-prospector): the same for 32 bits; a key enters half-way. */
static inline uint32_t mix32(uint32_t bits, uint32_t key) {
    bits = (bits ^ (bits >> 16)) * 0x7FEB352D;
    bits = (bits ^ key ^ (bits >> 15)) * 0x846CA68B;
    return bits ^ (bits >> 16);
}

/* For a rate below 1. */
static inline Dropout dropout_of(double rate, uint64_t seed, uint64_t first) {
    const double kept = (1 - rate) * 4294967296.0 + 0.5;
    const uint32_t last = kept < 1 ? 0 : (uint32_t)((uint64_t)kept - 1);
    return (Dropout){mix64(seed), first, last, 1 / (1 - rate)};
}
