/* Give the pool work from several threads at once, in jobs of all lengths and with pauses in which
   its helpers fall asleep, and end some of the helpers now and then, as set_num_threads and a fork
   do; every task must run exactly once, and be done when its job is. */
#include <stdio.h>
#include <unistd.h>

#include "thread_pool.h"

enum { JOBS = 3000, MOST_TASKS = 50, CALLERS = 3 };

typedef struct {
    int runs[MOST_TASKS]; /* not atomic: a task that ran twice at once would be a race */
    int used[8];
} Job;

static void task(void *arguments, ptrdiff_t index, int worker)
{
    Job *job = arguments;
    job->runs[index]++;
    job->used[worker]++; /* of one worker at a time */
}

static void *caller(void *number)
{
    unsigned seed = (unsigned)(intptr_t)number + 1;
    for (int i = 0; i < JOBS; i++) {
        Job job = {0}; /* on the stack: a helper that came late would write over the next one */
        const int count = rand_r(&seed) % MOST_TASKS, threads = 1 + rand_r(&seed) % 8;
        int sum = 0;
        pool_run(task, &job, count, threads);
        for (int t = 0; t < MOST_TASKS; t++) {
            if (job.runs[t] != (t < count)) {
                fprintf(stderr, "job %d: task %d of %d ran %d times\n", i, t, count, job.runs[t]);
                exit(1);
            }
        }
        for (int w = 0; w < 8; w++)
            sum += job.used[w];
        if (sum != count) {
            fprintf(stderr, "job %d: %d tasks, but workers counted %d\n", i, count, sum);
            exit(1);
        }
        if (i % 500 == 0)
            usleep(2000); /* long enough that the helpers fall asleep */
        if (i % 100 == 0) {
            pool_take(rand_r(&seed) % 8);
            pool_give_back();
        }
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[CALLERS];
    caller(NULL); /* alone, then against others */
    for (intptr_t i = 0; i < CALLERS; i++)
        pthread_create(&threads[i], NULL, caller, (void *)i);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    pool_take(0);
    if (pool.helpers != 0)
        return 1;
    puts("pool: every task ran once");
    return 0;
}
