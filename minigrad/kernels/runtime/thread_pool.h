/* A pool of threads for short loops.

   A job is a number of tasks. They are divided into equal shares, one for the caller and one for
   each helper thread. A thread that has finished its own share takes tasks from the others, one at
   a time, until none is left (work stealing).

   With fixed shares, the same thread does the same task in every training step. It finds what it
   wrote in the last step (weights, moments) in its own caches; those of another core may be as far
   away as memory. And threads share no counter while each has tasks of its own.

   Why not OpenMP: between two loops its threads either spin or sleep. On a busy machine, spinning
   starves the thread they wait for (steps became 10 times as long); sleeping costs every short loop
   a wake-up of 8 to 11 us. These threads spin for a bounded time, then sleep. The caller never
   waits for a helper that has not begun: it does the remaining tasks itself.

   The pool runs one job at a time. If a second Python thread calls meanwhile, it does its tasks
   alone. Tasks of one job write to different places, so their order does not matter.

   How a job ends safely. A helper first adds itself to `inside`, then checks that the job is still
   `open`. The caller first closes the job, then waits until `inside` is 0. So a helper that wakes
   up late finds the job closed, and never reads the caller's arguments, which may be gone. Either
   the helper sees the job closed, or the caller sees the helper inside. */
#ifndef MINIGRAD_THREAD_POOL_H
#define MINIGRAD_THREAD_POOL_H

#include "tasks.h"

#ifdef __STDC_NO_ATOMICS__ /* a compiler without them gets no threads */
static void pool_run(Task task, void *arguments, ptrdiff_t count, int threads) {
    for (ptrdiff_t index = 0; index < count; index++) task(arguments, index, 0);
}
static void pool_after_fork(void) {}
#else

#include <Python.h>
#include <stdatomic.h>

#if defined(__x86_64__) || defined(__i386__)
#define RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ volatile("yield")
#else
#define RELAX() ((void)0)
#endif

#ifdef _WIN32
#include <windows.h>
#define GIVE_WAY() SwitchToThread()
#else
#include <sched.h>
#define GIVE_WAY() sched_yield()
#endif

enum {
    MOST_HELPERS = 255,
    SPIN = 4000 /* rounds before sleep, 50 to 100 us: Python takes less between two loops */
};

typedef struct {
    atomic_int asleep;
    PyThread_type_lock wake; /* locked while the helper sleeps; releasing it wakes the helper */
} Helper;

typedef struct {
    atomic_ptrdiff_t next; /* the first task of the share that nobody has taken */
    ptrdiff_t end;
    char padding[64 - 2 * sizeof(ptrdiff_t)]; /* each share has a cache line of its own */
} Share;

static struct {
    atomic_flag taken;  /* set while a caller has the pool */
    atomic_long open;   /* the number of the job that helpers may enter, or 0 */
    atomic_int inside;  /* helpers that may be looking at the job */
    long serial;        /* of the last job */
    int helpers;        /* that were started */
    Helper helper[MOST_HELPERS];
    /* the job, written before it is opened */
    Task task;
    void *arguments;
    int threads;
    Share share[MOST_HELPERS + 1];
} pool = {.taken = ATOMIC_FLAG_INIT};

static void pool_work(int worker) {
    for (int i = 0; i < pool.threads; i++) {
        Share *share = &pool.share[(worker + i) % pool.threads];
        ptrdiff_t index;
        while ((index = atomic_fetch_add(&share->next, 1)) < share->end)
            pool.task(pool.arguments, index, worker);
    }
}

static void pool_sleep(Helper *self, long seen) {
    atomic_store(&self->asleep, 1);
    const long open = atomic_load(&pool.open);
    if (open != 0 && open != seen) { /* a job came between the last look and `asleep` */
        int asleep = 1;
        if (atomic_compare_exchange_strong(&self->asleep, &asleep, 0)) return;
    }
    PyThread_acquire_lock(self->wake, WAIT_LOCK);
}

static void pool_helper(void *argument) {
    const int number = (int)(intptr_t)argument; /* from 0; as a worker, one more */
    long seen = 0;
    for (int round = 0;; round++) {
        const long open = atomic_load(&pool.open);
        if (open != 0 && open != seen) {
            atomic_fetch_add(&pool.inside, 1);
            if (atomic_load(&pool.open) == open && number + 1 < pool.threads) pool_work(number + 1);
            atomic_fetch_sub(&pool.inside, 1);
            seen = open;
            round = 0;
        } else if (round > SPIN) {
            pool_sleep(&pool.helper[number], seen);
            round = 0;
        } else {
            RELAX();
        }
    }
}

static void pool_start_helpers(int wanted) {
    for (; pool.helpers < wanted; pool.helpers++) {
        Helper *helper = &pool.helper[pool.helpers];
        atomic_store(&helper->asleep, 0);
        helper->wake = PyThread_allocate_lock();
        if (helper->wake == NULL) return;
        PyThread_acquire_lock(helper->wake, WAIT_LOCK);
        if (PyThread_start_new_thread(pool_helper, (void *)(intptr_t)pool.helpers)
            == PYTHREAD_INVALID_THREAD_ID) {
            PyThread_free_lock(helper->wake);
            return; /* the tasks get done without it */
        }
    }
}

/* Call task(arguments, index, worker) for index 0 to count - 1, each once, on up to `threads`
   threads; worker (< threads) tells them apart. Returns when all are done. */
static void pool_run(Task task, void *arguments, ptrdiff_t count, int threads) {
    if (threads > count) threads = (int)count;
    if (threads > MOST_HELPERS + 1) threads = MOST_HELPERS + 1;
    if (threads <= 1 || atomic_flag_test_and_set(&pool.taken)) {
        for (ptrdiff_t index = 0; index < count; index++) task(arguments, index, 0);
        return;
    }
    pool_start_helpers(threads - 1);
    pool.task = task;
    pool.arguments = arguments;
    pool.threads = threads;
    for (int i = 0; i < threads; i++) {
        atomic_store(&pool.share[i].next, i * count / threads);
        pool.share[i].end = (i + 1) * count / threads;
    }
    atomic_store(&pool.open, ++pool.serial);
    for (int number = 0; number < threads - 1 && number < pool.helpers; number++) {
        int asleep = 1;
        if (atomic_compare_exchange_strong(&pool.helper[number].asleep, &asleep, 0))
            PyThread_release_lock(pool.helper[number].wake);
    }
    pool_work(0);
    atomic_store(&pool.open, 0);
    for (int round = 0; atomic_load(&pool.inside) != 0; round++) {
        if (round < SPIN) RELAX();
        else GIVE_WAY();
    }
    atomic_flag_clear(&pool.taken);
}

/* A forked child has no helpers and no running job. */
static void pool_after_fork(void) {
    pool.helpers = 0;
    atomic_store(&pool.open, 0);
    atomic_store(&pool.inside, 0);
    atomic_flag_clear(&pool.taken);
}

#endif
#endif
