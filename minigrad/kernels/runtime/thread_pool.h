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
   the helper sees the job closed, or the caller sees the helper inside.

   A helper ends when the number of helpers falls to its own. Before a fork all of them end, and the
   pool stays taken meanwhile: the child begins without threads, and in the middle of no job. */
#pragma once

#include "tasks.h"

#ifdef __STDC_NO_ATOMICS__ /* a compiler without them gets no threads */
static void pool_run(Task task, void *arguments, ptrdiff_t count, int threads) {
    for (ptrdiff_t index = 0; index < count; index++) task(arguments, index, 0);
}
static void pool_take(int kept) {}
static void pool_give_back(void) {}
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

#ifdef __SSE2__ /* how floats are rounded, and whether the smallest become 0: of each thread */
#define FLOAT_MODE() __builtin_ia32_stmxcsr()
#define SET_FLOAT_MODE(mode) __builtin_ia32_ldmxcsr(mode)
#else
#define FLOAT_MODE() 0
#define SET_FLOAT_MODE(mode) ((void)(mode))
#endif

#ifdef _WIN32
#include <windows.h>
#define GIVE_WAY() SwitchToThread()
#define BODY DWORD WINAPI
#define START(thread, body, argument) \
    ((thread = CreateThread(NULL, 0, body, argument, 0, NULL)) != NULL)
#define JOIN(thread) (WaitForSingleObject(thread, INFINITE), CloseHandle(thread))
typedef HANDLE Thread;
#else
#include <pthread.h>
#include <sched.h>
#define GIVE_WAY() sched_yield()
#define BODY void *
#define START(thread, body, argument) (pthread_create(&thread, NULL, body, argument) == 0)
#define JOIN(thread) pthread_join(thread, NULL)
typedef pthread_t Thread;
#endif

enum {
    MOST_HELPERS = 255,
    SPIN = 4000 /* rounds before sleep, 50 to 100 us: Python takes less between two loops */
};

typedef struct {
    atomic_int asleep;
    PyThread_type_lock wake; /* locked while the helper sleeps; releasing it wakes the helper */
    Thread thread;
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
    atomic_int helpers; /* that were started */
    Helper helper[MOST_HELPERS];
    /* the job, written before it is opened */
    Task task;
    void *arguments;
    int threads;
    unsigned mode; /* the caller's float mode */
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

static void pool_sleep(int number, long seen) {
    Helper *self = &pool.helper[number];
    atomic_store(&self->asleep, 1);
    const long open = atomic_load(&pool.open);
    if ((open != 0 && open != seen) || number >= atomic_load(&pool.helpers)) {
        int asleep = 1; /* a job, or the end, came between the last look and `asleep` */
        if (atomic_compare_exchange_strong(&self->asleep, &asleep, 0)) return;
    }
    PyThread_acquire_lock(self->wake, WAIT_LOCK);
}

static void pool_wake(Helper *helper) {
    int asleep = 1;
    if (atomic_compare_exchange_strong(&helper->asleep, &asleep, 0))
        PyThread_release_lock(helper->wake);
}

static BODY pool_helper(void *argument) {
    const int number = (int)(intptr_t)argument; /* from 0; as a worker, one more */
    long seen = 0;
    for (int round = 0; number < atomic_load(&pool.helpers); round++) {
        const long open = atomic_load(&pool.open);
        if (open != 0 && open != seen) {
            atomic_fetch_add(&pool.inside, 1);
            if (atomic_load(&pool.open) == open && number + 1 < pool.threads) {
                SET_FLOAT_MODE(pool.mode);
                pool_work(number + 1);
            }
            atomic_fetch_sub(&pool.inside, 1);
            seen = open;
            round = 0;
        } else if (round > SPIN) {
            pool_sleep(number, seen);
            round = 0;
        } else {
            RELAX();
        }
    }
    return 0;
}

static void pool_start_helpers(int wanted) {
    for (int n = atomic_load(&pool.helpers); n < wanted; n++) {
        Helper *helper = &pool.helper[n];
        atomic_store(&helper->asleep, 0);
        helper->wake = PyThread_allocate_lock();
        if (helper->wake == NULL) return;
        PyThread_acquire_lock(helper->wake, WAIT_LOCK);
        atomic_store(&pool.helpers, n + 1);
        if (!START(helper->thread, pool_helper, (void *)(intptr_t)n)) {
            atomic_store(&pool.helpers, n);
            PyThread_free_lock(helper->wake);
            return; /* the tasks get done without it */
        }
    }
}

/* Wait for the pool, and end its helpers but the first `kept`. */
static void pool_take(int kept) {
    while (atomic_flag_test_and_set(&pool.taken)) GIVE_WAY(); /* until another caller's job ends */
    const int helpers = atomic_load(&pool.helpers);
    if (kept < helpers) atomic_store(&pool.helpers, kept);
    for (int number = kept; number < helpers; number++) {
        pool_wake(&pool.helper[number]);
        JOIN(pool.helper[number].thread);
        PyThread_free_lock(pool.helper[number].wake);
    }
}

static void pool_give_back(void) { atomic_flag_clear(&pool.taken); }

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
    pool.mode = FLOAT_MODE();
    for (int i = 0; i < threads; i++) {
        atomic_store(&pool.share[i].next, i * count / threads);
        pool.share[i].end = (i + 1) * count / threads;
    }
    atomic_store(&pool.open, ++pool.serial);
    const int helpers = atomic_load(&pool.helpers);
    for (int number = 0; number < threads - 1 && number < helpers; number++)
        pool_wake(&pool.helper[number]);
    pool_work(0);
    atomic_store(&pool.open, 0);
    for (int round = 0; atomic_load(&pool.inside) != 0; round++) {
        if (round < SPIN) RELAX();
        else GIVE_WAY();
    }
    pool_give_back();
}

#endif
