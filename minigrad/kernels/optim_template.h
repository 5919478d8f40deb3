/* The optimizers' rules, for one FLOAT type and instruction set (levels.h): what happens to element
   i. Scalars are rounded to FLOAT before the loop, and the compiler moves `if` on what does not
   change out of it. */
#define RULE(rule, ...)                                                                            \
    TARGET static inline void NAME(rule)(void *step, ptrdiff_t index, int worker)                  \
    {                                                                                              \
        const Step *s = step;                                                                      \
        const ptrdiff_t first = chunk_begin(s->size, index);                                       \
        const ptrdiff_t last = chunk_begin(s->size, index + 1);                                    \
        const FLOAT *g = s->g;                                                                     \
        FLOAT *w = s->w, *m = s->m, *v = s->v, *v_max = s->v_max;                                  \
        FLOAT *a = s->a, *b = s->b, *d = s->d, *u = s->u;                                          \
        const FLOAT lr = s->lr, rho = s->rho, momentum = s->momentum, epsilon = s->epsilon;        \
        const FLOAT alpha = s->alpha, alpha_m = s->alpha_m, alpha_g = s->alpha_g;                  \
        const FLOAT beta_1 = s->beta_1, beta_2 = s->beta_2, scale = 1 / s->correction;             \
        const FLOAT new = 1 - s->rho, new_1 = 1 - s->beta_1, new_2 = 1 - s->beta_2;                \
        const int nesterov = s->nesterov;                                                          \
        IVDEP for (ptrdiff_t i = first; i < last; i++) { __VA_ARGS__ }                             \
    }

/* v = momentum v - lr g;  w += v, or w += momentum v - lr g by Nesterov */
RULE(sgd,
    if (v == NULL) {
        w[i] -= lr * g[i];
    } else {
        v[i] = momentum * v[i] - lr * g[i];
        w[i] += nesterov ? momentum * v[i] - lr * g[i] : v[i];
    }
)

/* a += g²;  w -= lr g / sqrt(a + epsilon) */
RULE(adagrad,
    a[i] += g[i] * g[i];
    w[i] -= lr * g[i] / ROOT(a[i] + epsilon);
)

/* v = rho v + (1-rho) g²;  step = lr g / sqrt(v + epsilon);  w -= step
   centered:       m = rho m + (1-rho) g, and v - m² stands for v in the step
   with momentum:  b = momentum b + step;  w -= b */
RULE(rmsprop,
    v[i] = rho * v[i] + new * g[i] * g[i];
    FLOAT variance = v[i];
    if (m != NULL) {
        m[i] = rho * m[i] + new * g[i];
        variance -= m[i] * m[i];
        variance = variance < 0 ? 0 : variance; /* by rounding */
    }
    FLOAT change = lr * g[i] / ROOT(variance + epsilon);
    if (b != NULL)
        change = b[i] = momentum * b[i] + change;
    w[i] -= change;
)

/* m += (g-m)(1-beta_1);  v += (g²-v)(1-beta_2);  w -= alpha m / (sqrt(v) + epsilon)
   AMSGrad:  v_max = max(v_max, v) stands for v in the last */
RULE(adam,
    m[i] += (g[i] - m[i]) * new_1;
    v[i] += (g[i] * g[i] - v[i]) * new_2;
    FLOAT second = v[i];
    if (v_max != NULL)
        second = v_max[i] = v[i] > v_max[i] ? v[i] : v_max[i];
    w[i] -= alpha * m[i] / (ROOT(second) + epsilon);
)

/* m, v as in Adam;  w -= (alpha_m m + alpha_g g) / (sqrt(v / correction) + epsilon) */
RULE(nadam,
    m[i] += (g[i] - m[i]) * new_1;
    v[i] += (g[i] * g[i] - v[i]) * new_2;
    w[i] -= (alpha_m * m[i] + alpha_g * g[i]) / (ROOT(v[i] * scale) + epsilon);
)

/* m += (g-m)(1-beta_1);  u = max(beta_2 u, |g|);  w -= alpha m / (u + epsilon) */
RULE(adamax,
    const FLOAT size = g[i] < 0 ? -g[i] : g[i], decayed = beta_2 * u[i];
    m[i] += (g[i] - m[i]) * new_1;
    u[i] = size > decayed ? size : decayed;
    w[i] -= alpha * m[i] / (u[i] + epsilon);
)

/* a = rho a + (1-rho) g²;  change = sqrt(d + epsilon) g / sqrt(a + epsilon)
   d = rho d + (1-rho) change²;  w -= lr change */
RULE(adadelta,
    a[i] = rho * a[i] + new * g[i] * g[i];
    const FLOAT change = ROOT(d[i] + epsilon) * g[i] / ROOT(a[i] + epsilon);
    d[i] = rho * d[i] + new * change * change;
    w[i] -= lr * change;
)

/* c = beta_1 m + (1-beta_1) g;  w -= lr sign(c);  m = beta_2 m + (1-beta_2) g */
RULE(lion,
    const FLOAT c = beta_1 * m[i] + new_1 * g[i];
    w[i] -= c > 0 ? lr : c < 0 ? -lr : c; /* at the end c is 0, or NaN */
    m[i] = beta_2 * m[i] + new_2 * g[i];
)
