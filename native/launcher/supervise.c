/* What the launcher does once the program runs: it stays, reaping, until the program ends or the broker is gone. */
#include "launcher.h"
#include "kernel.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* What this process has to do when the program ends takes microseconds, and ends the rest: it is not to wait behind a
 * hundred others that compute. A slice of its own, the shortest that there is (Linux 6.12), lets it in between; of all
 * processor time it has no more than anybody else. Older kernels take the call and change nothing. */
void be_prompt(void)
{
    struct scheduling wanted = {.size = sizeof wanted, .runtime = 100 * 1000};
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, 0);
    if (errno != 0)
        return;
    wanted.nice = nice;
    (void)syscall(SYS_sched_setattr, 0, &wanted, 0);
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
    if (launch->tree.reach != 0 && program_has_ended(launch))
        signal_tree(launch);
    for (;;) {
        pid_t ended = waitpid(-1, &status, WNOHANG | __WALL);
        if (ended <= 0)
            return;
        if (ended != program)
            continue;
        int code = report_exited(launch, status) == 0 ? 0 : 1;
        await_tree(launch);
        leave(code);
    }
}

void end_all(const struct launch *launch, int code)
{
    signal_tree(launch);
    await_tree(launch);
    leave(code);
}

/* The broker never writes to the life socket, so that any news of it is its end; so is any news of the pidfd, which
 * poll passes over where there is none. */
void supervise(const struct launch *launch, pid_t program, int signals)
{
    struct pollfd sources[3] = {
        {launch->life, POLLIN | POLLRDHUP, 0}, {signals, POLLIN, 0}, {launch->tree.broker, POLLIN, 0}};
    struct signalfd_siginfo news;
    for (;;) {
        if (poll(sources, 3, -1) < 0 && errno != EINTR)
            end_all(launch, 1);
        if (sources[0].revents != 0 || sources[2].revents != 0)
            end_all(launch, 1);
        if (sources[1].revents != 0) {
            if (read(signals, &news, sizeof news) < 0 && errno != EAGAIN && errno != EINTR)
                end_all(launch, 1);
            reap(launch, program);
        }
    }
}
