/* What activations.c, compiled once for float and once for double, offers to elementwise.pyx. */
#ifndef MINIGRAD_ACTIVATIONS_H
#define MINIGRAD_ACTIVATIONS_H

#include <stddef.h>

/* z = a function of x, or of x and y, with a constant alpha. */
typedef struct {
    ptrdiff_t size;
    const void *x, *y; /* y: x again where the function does not use it */
    void *z;
    double alpha;
} Elements;

typedef void (*ElementLoop)(const Elements *e, ptrdiff_t begin, ptrdiff_t end);
typedef struct {
    const char *name;
    ElementLoop loop;
} NamedLoop;

extern const NamedLoop activations_float[], activations_double[]; /* the last name is NULL */

#endif
