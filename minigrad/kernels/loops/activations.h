/* What activations.c, compiled once for float and once for double, offers to elementwise.pyx. */
#pragma once

#include <stddef.h>

/* z = a function of x, or of x and y; y is x where the function does not use it. */
typedef void (*ElementLoop)(const void *x, const void *y, void *z, double alpha, ptrdiff_t begin,
                            ptrdiff_t end);

/* The loop of this name, or NULL. */
ElementLoop activations_float(const char *name);
ElementLoop activations_double(const char *name);
