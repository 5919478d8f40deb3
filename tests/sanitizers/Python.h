/* The few functions of Python's that thread_pool.h uses, on POSIX threads: ThreadSanitizer then sees the
   pool alone, and not an interpreter that was built without it. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int held;
} *PyThread_type_lock;

#define WAIT_LOCK 1

static inline PyThread_type_lock PyThread_allocate_lock(void)
{
    PyThread_type_lock lock = malloc(sizeof *lock);
    pthread_mutex_init(&lock->mutex, NULL);
    pthread_cond_init(&lock->changed, NULL);
    lock->held = 0;
    return lock;
}

static inline int PyThread_acquire_lock(PyThread_type_lock lock, int wait)
{
    (void)wait;
    pthread_mutex_lock(&lock->mutex);
    while (lock->held)
        pthread_cond_wait(&lock->changed, &lock->mutex);
    lock->held = 1;
    pthread_mutex_unlock(&lock->mutex);
    return 1;
}

static inline void PyThread_release_lock(PyThread_type_lock lock)
{
    pthread_mutex_lock(&lock->mutex);
    lock->held = 0;
    pthread_cond_signal(&lock->changed);
    pthread_mutex_unlock(&lock->mutex);
}

static inline void PyThread_free_lock(PyThread_type_lock lock) { free(lock); }
