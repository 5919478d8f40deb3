/* What one optimizer step works on; for the loops, optim_template.h. */
#ifndef MINIGRAD_OPTIM_H
#define MINIGRAD_OPTIM_H

#include "functions.h"
#include "task.h"

/* A rule sets what its formula names; an array that is switched off is NULL. */
typedef struct {
    ptrdiff_t size; /* of each array */
    const void *g;
    void *w, *m, *v, *v_max, *a, *b, *d, *u;
    double lr, alpha, alpha_m, alpha_g, correction, beta_1, beta_2, rho, momentum, epsilon;
    int nesterov;
} Step;

#define TEMPLATE "optim_template.h"
#include "levels.h"
#undef TEMPLATE

CHOICE(Task, sgd_task, sgd)
CHOICE(Task, adagrad_task, adagrad)
CHOICE(Task, rmsprop_task, rmsprop)
CHOICE(Task, adam_task, adam)
CHOICE(Task, nadam_task, nadam)
CHOICE(Task, adamax_task, adamax)
CHOICE(Task, adadelta_task, adadelta)
CHOICE(Task, lion_task, lion)

#endif
