/* What the kernel itself takes to end a tree: bare-kill PROGRAM ARG... runs it below pid 1 of a pid namespace, waits for the
 * first byte of its stdout, kills pid 1, reaps it, and prints the milliseconds between. In a session of its own, as a
 * sandboxee is, for which the scheduler can have a group of its own. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void be_init(char **command, int output)
{
    setsid();
    pid_t program = fork();
    if (program < 0)
        _exit(1);
    if (program > 0)
        for (;;)
            pause();
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(output, 1);
    execv(command[0], command);
    _exit(127);
}

int main(int argc, char **argv)
{
    int ends[2];
    char byte;
    if (argc < 2 || pipe2(ends, O_CLOEXEC) != 0)
        fail("a program, and a pipe");
    unsigned long namespaces = CLONE_NEWPID | (geteuid() == 0 ? 0 : CLONE_NEWUSER);
    pid_t init = (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, NULL, NULL, NULL, NULL);
    if (init < 0)
        fail("clone");
    if (init == 0)
        be_init(argv + 1, ends[1]);
    close(ends[1]);
    if (read(ends[0], &byte, 1) != 1)
        fail("the program");
    double before = milliseconds();
    kill(init, SIGKILL);
    if (waitpid(init, NULL, 0) != init)
        fail("waitpid");
    printf("%.3f\n", milliseconds() - before);
    return 0;
}
