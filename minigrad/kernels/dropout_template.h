/* Part of a template (levels.h): z[i] = scale x[i] where dropout keeps element i, else 0. */
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
        IVDEP for (int i = (int)(begin - block); i < (int)(end - block); i++) {
            const uint32_t bits = mix32((uint32_t)i ^ low, high);
            const FLOAT value = x[block + i];
            z[block + i] = (bits <= last_kept ? value : 0) * scale;
        }
    }
}
