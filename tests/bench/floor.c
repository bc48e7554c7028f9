/* The floor: what the kernel alone costs. `floor write|rename CHILD ARGS...` watches the directories
 * whose names it reads from stdin, one a line, with a raw inotify; starts CHILD by posix_spawn, and at
 * every event stops it by SIGTERM, waits for it and starts it anew. No debounce, no filter, no
 * process group. */
#define _GNU_SOURCE
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static pid_t child;

static void end(int signal)
{
    kill(child, SIGKILL);
    _exit(0);
}

int main(int argc, char **argv)
{
    char name[4096], events[65536];
    int inotify = inotify_init1(IN_CLOEXEC);
    int mask = strcmp(argv[1], "rename") ? IN_CLOSE_WRITE : IN_MOVED_TO;
    while (fgets(name, sizeof name, stdin)) {
        name[strcspn(name, "\n")] = 0;
        inotify_add_watch(inotify, name, mask);
    }
    signal(SIGTERM, end);
    for (;;) {
        posix_spawn(&child, argv[2], NULL, NULL, argv + 2, environ);
        if (read(inotify, events, sizeof events) < 0)
            return 1;
        kill(child, SIGTERM);
        waitpid(child, NULL, 0);
    }
}
