/* Include TEMPLATE for float and for double, at one LEVEL (see levels.h; this may come often). */
#define FLOAT float
#define INTEGER int32_t
#define NAME(word) JOIN(word, float, LEVEL)
#include TEMPLATE
#undef FLOAT
#undef INTEGER
#undef NAME
#define FLOAT double
#define INTEGER int64_t
#define NAME(word) JOIN(word, double, LEVEL)
#include TEMPLATE
#undef FLOAT
#undef INTEGER
#undef NAME
#undef LEVEL
#undef BYTES
#undef ROWS
#undef TARGET
