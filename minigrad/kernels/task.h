/* A part of a kernel's work: number `index` of some count, done by thread number `worker`. */
#ifndef MINIGRAD_TASK_H
#define MINIGRAD_TASK_H

#include <stddef.h>

typedef void (*Task)(void *arguments, ptrdiff_t index, int worker);

#endif
