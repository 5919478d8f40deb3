/* The tile of tile.h for one FLOAT type and one instruction set; included once for each.
   BYTES: of a vector. TARGET: the instruction set's attribute. ROWS: of a full tile. */

#ifdef __GNUC__
typedef FLOAT NAME(vector) __attribute__((vector_size(BYTES), aligned(sizeof(FLOAT)), may_alias));
#define INLINE static inline __attribute__((always_inline))
#else
typedef FLOAT NAME(vector);
#define INLINE static inline
#endif
#define VECTOR NAME(vector)
enum { NAME(columns) = 2 * BYTES / sizeof(FLOAT) };

TARGET INLINE void NAME(some_rows)(const int rows, ptrdiff_t depth,
                                   const FLOAT *a, ptrdiff_t a_row, ptrdiff_t a_column,
                                   const FLOAT *b, ptrdiff_t b_row, FLOAT *out)
{
    VECTOR sum[ROWS][2];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
        sum[i][0] = sum[i][1] = (VECTOR){0};
    for (ptrdiff_t k = 0; k < depth; k++, a += a_column, b += b_row) {
        const VECTOR b0 = ((const VECTOR *)b)[0], b1 = ((const VECTOR *)b)[1];
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            sum[i][0] += a[i * a_row] * b0;
            sum[i][1] += a[i * a_row] * b1;
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        ((VECTOR *)out)[2 * i] = sum[i][0];
        ((VECTOR *)out)[2 * i + 1] = sum[i][1];
    }
}

/* out (rows, columns) = a (rows, depth) @ b (depth, columns), rows <= ROWS. */
TARGET static void NAME(multiply)(int rows, ptrdiff_t depth,
                                  const FLOAT *a, ptrdiff_t a_row, ptrdiff_t a_column,
                                  const FLOAT *b, ptrdiff_t b_row, FLOAT *out)
{
    if (rows == ROWS) {
        NAME(some_rows)(ROWS, depth, a, a_row, a_column, b, b_row, out);
        return;
    }
    for (; rows >= 3; rows -= 3, a += 3 * a_row, out += 3 * NAME(columns))
        NAME(some_rows)(3, depth, a, a_row, a_column, b, b_row, out);
    for (; rows >= 1; rows--, a += a_row, out += NAME(columns))
        NAME(some_rows)(1, depth, a, a_row, a_column, b, b_row, out);
}

#undef VECTOR
#undef INLINE
#undef FLOAT
#undef NAME
