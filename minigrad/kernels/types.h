/* Include TEMPLATE for float and for double, at one LEVEL (see levels.h; this may come often). */
#define FLOAT float
#define INTEGER int32_t
#define LOW 0, 4, 1, 5 /* of two vectors of 16 bytes: their first halves, mixed */
#define HIGH 2, 6, 3, 7
#define NAME(word) JOIN(word, float, LEVEL)
#include TEMPLATE
#undef FLOAT
#undef INTEGER
#undef LOW
#undef HIGH
#undef NAME
#define FLOAT double
#define INTEGER int64_t
#define LOW 0, 2
#define HIGH 1, 3
#define NAME(word) JOIN(word, double, LEVEL)
#include TEMPLATE
#undef FLOAT
#undef INTEGER
#undef LOW
#undef HIGH
#undef NAME
#undef LEVEL
#undef BYTES
#undef ROWS
#undef TARGET
