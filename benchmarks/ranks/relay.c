/* The wire between two machines that are namespaces: frames come out late, and some never.

   relay A B DELAY LOSS SEED   file descriptors of two TAP devices, ns, a fraction, a number

   When its standard input ends it delivers what is under way, prints how many frames it lost, each
   way, and ends. */
#define _GNU_SOURCE
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 4096, LONGEST = 9216 }; /* frames under way, bytes of one */

struct way {
    int from, to;
    uint64_t random;
    long lost;
    unsigned first, last; /* slots in use: first to last - 1, modulo SLOTS */
    int64_t due[SLOTS];
    ssize_t length[SLOTS];
    char frame[SLOTS][LONGEST];
};

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Between 0 and 1, by splitmix64 (G. L. Steele et al., 2014). */
static double draw(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Takes what is there, gives what is due; returns when the next frame is due. */
static int64_t move(struct way *w, int64_t delay, double loss) {
    while (w->last - w->first < SLOTS) {
        unsigned i = w->last % SLOTS;
        w->length[i] = read(w->from, w->frame[i], LONGEST);
        if (w->length[i] <= 0)
            break;
        if (draw(&w->random) < loss) {
            w->lost++;
        } else {
            w->due[i] = now() + delay;
            w->last++;
        }
    }
    while (w->first != w->last && w->due[w->first % SLOTS] <= now()) {
        unsigned i = w->first++ % SLOTS;
        if (write(w->to, w->frame[i], (size_t)w->length[i]) < 0)
            w->lost++;
    }
    return w->first == w->last ? INT64_MAX : w->due[w->first % SLOTS];
}

int main(int count, char **given) {
    static struct way ways[2];
    if (count != 6)
        return 2;
    for (int i = 0; i < 2; i++) {
        ways[i].from = atoi(given[1 + i]);
        ways[i].to = atoi(given[2 - i]);
        ways[i].random = strtoull(given[5], NULL, 10) * 2u + (unsigned)i;
    }
    int64_t delay = atoll(given[3]);
    double loss = atof(given[4]);
    struct pollfd events[] = {{0, POLLIN, 0}, {ways[0].from, POLLIN, 0}, {ways[1].from, POLLIN, 0}};
    for (;;) {
        int64_t there = move(&ways[0], delay, loss), back = move(&ways[1], delay, loss);
        int64_t next = there < back ? there : back, wait = next - now();
        if (events[0].fd < 0 && next == INT64_MAX)
            break;
        wait = wait < 0 ? 0 : wait < 1000000000 ? wait : 1000000000;
        struct timespec timeout = {wait / 1000000000, wait % 1000000000};
        if (ppoll(events, 3, &timeout, NULL) > 0 && events[0].revents)
            events[0].fd = -1;
    }
    printf("%ld %ld\n", ways[0].lost, ways[1].lost);
    return 0;
}
