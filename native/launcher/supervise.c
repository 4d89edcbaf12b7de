/* What the launcher does once the program runs: it stays as pid 1, reaping, until the program ends or the broker is gone. */
#include "launcher.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

bool require_pid_1(void)
{
    if (getpid() == 1)
        return true;
    errno = EPERM;
    return failure("only pid 1 of a pid namespace can end everything that the program starts", NULL) == 0;
}

int child_signals(void)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGCHLD);
    int signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        return failure("make a signalfd", NULL);
    return signals;
}

void fill_texts(char **array, const struct value *texts)
{
    const unsigned char *cursor = texts->bytes;
    for (uint32_t i = 0; i < texts->count; i++)
        array[i] = (char *)item_text(&cursor);
    array[texts->count] = NULL;
}

void close_kept(const struct launch *launch)
{
    for (uint32_t i = 0; i < launch->kept_count; i++)
        close(launch->kept[i]);
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
void supervise(const struct launch *launch, pid_t program, int signals)
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
