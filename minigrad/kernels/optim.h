/* What one optimizer step works on; the loops are in optim_template.h. */
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
#pragma GCC diagnostic ignored "-Wunused-variable" /* a rule uses some of what a step may have */
#include "levels.h"

TASK(sgd) TASK(adagrad) TASK(rmsprop) TASK(adam) TASK(nadam) TASK(adamax) TASK(adadelta) TASK(lion)
