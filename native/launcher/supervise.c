/* The last step: starts the program and stays with it as pid 1, reaping, until it ends or the broker is gone. */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *arguments[SALLYPORT_PLAN_ITEMS + 1];
static char *environment[SALLYPORT_PLAN_ITEMS + 1];

static void fill(char **array, const struct value *texts)
{
    const unsigned char *cursor = texts->bytes;
    for (uint32_t i = 0; i < texts->count; i++)
        array[i] = (char *)item_text(&cursor);
    array[texts->count] = NULL;
}

/* In the child. All but the program's own fds are close-on-exec, `failed` too: the parent reads its end of file when
 * the exec succeeded, or a byte. */
static void become(const struct launch *launch, const char *path, int failed)
{
    /* A raw call, because the C library would leave its own two signals blocked. */
    static const uint64_t none = 0;
    if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none) != 0)
        failure("unblock the signals", NULL);
    else if (execve(path, arguments, environment) != 0)
        failure("execute", path);
    report_failed(launch);
    (void)!write(failed, "", 1);
    leave(127);
}

static void reap(const struct launch *launch, pid_t program)
{
    int status;
    for (;;) {
        pid_t ended = waitpid(-1, &status, WNOHANG | __WALL);
        if (ended <= 0)
            return;
        if (ended == program)
            leave(report_exited(launch, status) == 0 ? 0 : 1);
    }
}

/* When this process ends the kernel kills everything else in the pid namespace. The broker never writes to the life
 * socket, so that any news of it is its end. */
static void supervise(const struct launch *launch, pid_t program, int signals)
{
    struct pollfd sources[2] = {{launch->life, POLLIN | POLLRDHUP, 0}, {signals, POLLIN, 0}};
    struct signalfd_siginfo news;
    for (;;) {
        if (poll(sources, 2, -1) < 0 && errno != EINTR)
            leave(1);
        if (sources[0].revents != 0)
            leave(1);
        if (sources[1].revents != 0) {
            if (read(signals, &news, sizeof news) < 0 && errno != EAGAIN && errno != EINTR)
                leave(1);
            reap(launch, program);
        }
    }
}

/* {path, arguments, environment, filter of this process} */
int step_run(struct launch *launch, const struct value *fields)
{
    int pidfd = -1, failed[2];
    sigset_t child_signals;
    if (getpid() != 1) {
        errno = EPERM;
        return failure("only pid 1 of a pid namespace can end everything that the program starts", NULL);
    }
    fill(arguments, &fields[1]);
    fill(environment, &fields[2]);
    if (pipe2(failed, O_CLOEXEC) != 0)
        return failure("make a pipe", NULL);
    sigemptyset(&child_signals);
    sigaddset(&child_signals, SIGCHLD);
    int signals = signalfd(-1, &child_signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        return failure("make a signalfd", NULL);
    pid_t program = raw_clone(CLONE_PIDFD | SIGCHLD, &pidfd);
    if (program < 0)
        return failure("make the process of the program", NULL);
    if (program == 0)
        become(launch, fields[0].text, failed[1]);
    close(failed[1]);
    for (uint32_t i = 0; i < launch->kept_count; i++)
        close(launch->kept[i]);
    if (install_filter(&fields[3]) != 0)
        return failure("install the filter of pid 1", NULL);
    char byte;
    ssize_t got = read(failed[0], &byte, 1);
    if (got > 0)
        leave(1); /* the child has reported */
    if (got < 0)
        return failure("wait for the exec", NULL);
    close(failed[0]);
    if (report_process(launch, SALLYPORT_TAG_LAUNCHED, pidfd) != 0)
        return failure("tell the broker of the program", NULL);
    close(pidfd);
    supervise(launch, program, signals);
    return 0; /* not reached */
}
