/* Part of a template (levels.h): z[i] = scale x[i] where element i is kept, else 0. */
TARGET static inline void NAME(drop)(const Dropout *d, const FLOAT *x, FLOAT *z, ptrdiff_t first,
                                     ptrdiff_t last)
{
    const FLOAT scale = (FLOAT)d->scale;
    const uint32_t last_kept = d->last_kept;
    for (ptrdiff_t begin = first, end; begin < last; begin = end) {
        const ptrdiff_t block = begin / BLOCK * BLOCK;
        const uint64_t key = mix64(d->key + (uint64_t)(block / BLOCK));
        const uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);
        end = block + BLOCK < last ? block + BLOCK : last;
        const FLOAT *from = x + begin;
        FLOAT *to = z + begin;
        const uint32_t position = (uint32_t)(begin - block);
        const int length = (int)(end - begin);
#pragma GCC ivdep
        for (int i = 0; i < length; i++) {
            const uint32_t bits = mix32(mix32((position + (uint32_t)i) ^ low) ^ high);
            const FLOAT value = from[i];
            to[i] = (bits <= last_kept ? value : 0) * scale;
        }
    }
}
