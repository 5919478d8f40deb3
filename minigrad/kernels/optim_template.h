/* The optimizers' loops, for one FLOAT type and instruction set (levels.h). Scalars are rounded to
   FLOAT first; `if` on what does not change is moved out of the loop by the compiler. */

#define RULE(rule) TARGET static inline void NAME(rule)(void *step, ptrdiff_t index, int worker)
#define BEGIN                                                                                      \
    const Step *s = step;                                                                          \
    const ptrdiff_t first = index * CHUNK, last = chunk_end(s->size, index);                       \
    const FLOAT *g = s->g;                                                                         \
    FLOAT *w = s->w;                                                                               \
    (void)worker
/* ivdep: nothing that one element writes is read by the next one. */
#define EACH_ELEMENT _Pragma("GCC ivdep") for (ptrdiff_t i = first; i < last; i++)

/* v = momentum v - lr g;  w += v, or w += momentum v - lr g by Nesterov */
RULE(sgd)
{
    BEGIN;
    FLOAT *v = s->v;
    const FLOAT lr = s->lr, momentum = s->momentum;
    const int nesterov = s->nesterov;
    EACH_ELEMENT {
        if (v == NULL) {
            w[i] -= lr * g[i];
        } else {
            v[i] = momentum * v[i] - lr * g[i];
            w[i] += nesterov ? momentum * v[i] - lr * g[i] : v[i];
        }
    }
}

/* a += g²;  w -= lr g / sqrt(a + epsilon) */
RULE(adagrad)
{
    BEGIN;
    FLOAT *a = s->a;
    const FLOAT lr = s->lr, epsilon = s->epsilon;
    EACH_ELEMENT {
        a[i] += g[i] * g[i];
        w[i] -= lr * g[i] / ROOT(a[i] + epsilon);
    }
}

/* v = rho v + (1-rho) g²;  step = lr g / sqrt(v + epsilon);  w -= step
   centered:       m = rho m + (1-rho) g, and v - m² stands for v in the step
   with momentum:  b = momentum b + step;  w -= b */
RULE(rmsprop)
{
    BEGIN;
    FLOAT *v = s->v, *m = s->m, *b = s->b;
    const FLOAT lr = s->lr, momentum = s->momentum, epsilon = s->epsilon;
    const FLOAT old = s->rho, new = 1 - s->rho;
    EACH_ELEMENT {
        v[i] = old * v[i] + new * g[i] * g[i];
        FLOAT variance = v[i];
        if (m != NULL) {
            m[i] = old * m[i] + new * g[i];
            variance -= m[i] * m[i];
            variance = variance < 0 ? 0 : variance; /* by rounding */
        }
        FLOAT change = lr * g[i] / ROOT(variance + epsilon);
        if (b != NULL)
            change = b[i] = momentum * b[i] + change;
        w[i] -= change;
    }
}

/* m += (g-m)(1-beta_1);  v += (g²-v)(1-beta_2);  w -= alpha m / (sqrt(v) + epsilon)
   AMSGrad:  v_max = max(v_max, v) stands for v in the last */
RULE(adam)
{
    BEGIN;
    FLOAT *m = s->m, *v = s->v, *v_max = s->v_max;
    const FLOAT alpha = s->alpha, epsilon = s->epsilon;
    const FLOAT new_1 = 1 - s->beta_1, new_2 = 1 - s->beta_2;
    EACH_ELEMENT {
        m[i] += (g[i] - m[i]) * new_1;
        v[i] += (g[i] * g[i] - v[i]) * new_2;
        FLOAT second = v[i];
        if (v_max != NULL)
            second = v_max[i] = v[i] > v_max[i] ? v[i] : v_max[i];
        w[i] -= alpha * m[i] / (ROOT(second) + epsilon);
    }
}

/* m, v as in Adam;  w -= (alpha_m m + alpha_g g) / (sqrt(v / correction) + epsilon) */
RULE(nadam)
{
    BEGIN;
    FLOAT *m = s->m, *v = s->v;
    const FLOAT alpha_m = s->alpha_m, alpha_g = s->alpha_g, epsilon = s->epsilon;
    const FLOAT new_1 = 1 - s->beta_1, new_2 = 1 - s->beta_2, scale = 1 / s->correction;
    EACH_ELEMENT {
        m[i] += (g[i] - m[i]) * new_1;
        v[i] += (g[i] * g[i] - v[i]) * new_2;
        w[i] -= (alpha_m * m[i] + alpha_g * g[i]) / (ROOT(v[i] * scale) + epsilon);
    }
}

/* m += (g-m)(1-beta_1);  u = max(beta_2 u, |g|);  w -= alpha m / (u + epsilon) */
RULE(adamax)
{
    BEGIN;
    FLOAT *m = s->m, *u = s->u;
    const FLOAT alpha = s->alpha, epsilon = s->epsilon, new = 1 - s->beta_1, decay = s->beta_2;
    EACH_ELEMENT {
        const FLOAT size = g[i] < 0 ? -g[i] : g[i], decayed = decay * u[i];
        m[i] += (g[i] - m[i]) * new;
        u[i] = size > decayed ? size : decayed;
        w[i] -= alpha * m[i] / (u[i] + epsilon);
    }
}

/* a = rho a + (1-rho) g²;  change = sqrt(d + epsilon) g / sqrt(a + epsilon)
   d = rho d + (1-rho) change²;  w -= lr change */
RULE(adadelta)
{
    BEGIN;
    FLOAT *a = s->a, *d = s->d;
    const FLOAT lr = s->lr, epsilon = s->epsilon, old = s->rho, new = 1 - s->rho;
    EACH_ELEMENT {
        a[i] = old * a[i] + new * g[i] * g[i];
        const FLOAT change = ROOT(d[i] + epsilon) * g[i] / ROOT(a[i] + epsilon);
        d[i] = old * d[i] + new * change * change;
        w[i] -= lr * change;
    }
}

/* c = beta_1 m + (1-beta_1) g;  w -= lr sign(c);  m = beta_2 m + (1-beta_2) g */
RULE(lion)
{
    BEGIN;
    FLOAT *m = s->m;
    const FLOAT lr = s->lr, old_1 = s->beta_1, new_1 = 1 - s->beta_1;
    const FLOAT old_2 = s->beta_2, new_2 = 1 - s->beta_2;
    EACH_ELEMENT {
        const FLOAT c = old_1 * m[i] + new_1 * g[i];
        w[i] -= c > 0 ? lr : c < 0 ? -lr : c; /* at the end c is 0, or NaN */
        m[i] = old_2 * m[i] + new_2 * g[i];
    }
}

#undef RULE
#undef BEGIN
#undef EACH_ELEMENT
