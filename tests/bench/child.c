/* The COMMAND of the benchmark: static and tiny, so that next to nothing of what is measured is its
 * own. `child FIFO MS` writes to FIFO, in nanoseconds of CLOCK_MONOTONIC, `S PID NS` when main()
 * begins and `T PID NS` when SIGTERM comes, of which it ends after MS milliseconds. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* In seconds: nobody outlives a benchmark that was killed by much. */
#define LIFETIME 120

static int fifo;
static long slow_stop;

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void report(char what, long when)
{
    char line[64];
    int length = snprintf(line, sizeof line, "%c %d %ld\n", what, getpid(), when);
    if (write(fifo, line, length) != length)
        _exit(1);
}

static void stop(int signal)
{
    report('T', now());
    struct timespec pause = {slow_stop / 1000, slow_stop % 1000 * 1000000};
    nanosleep(&pause, NULL);
    _exit(0);
}

int main(int argc, char **argv)
{
    long start = now();
    if (argc != 3 || (fifo = open(argv[1], O_WRONLY | O_APPEND)) < 0)
        return 2;
    slow_stop = atol(argv[2]);
    signal(SIGTERM, stop);
    report('S', start);
    alarm(LIFETIME);
    for (;;)
        pause();
}
