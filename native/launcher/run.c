/* The last step of the late mode: starts the program, which is trusted until it enters the gate. */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *arguments[SALLYPORT_PLAN_ITEMS + 1];
static char *environment[SALLYPORT_PLAN_ITEMS + 1];

/* In the child. All but the program's own fds are close-on-exec, `failed` too: the parent reads its end of file when
 * the exec succeeded, or a byte. */
static void become(const struct launch *launch, const char *path, int failed)
{
    /* A raw call, because the C library would leave its own two signals blocked. */
    static const uint64_t none = 0;
    if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none) != 0)
        failure("unblock the signals", NULL);
    else if (!stay_within_reach(launch))
        failure("stay within reach of the launcher", NULL);
    else if (launch->tree.stage0.count != 0 && install_filter(&launch->tree.stage0) != 0)
        failure("install the filter of stage 0", NULL);
    else if (execve(path, arguments, environment) != 0)
        failure("execute", path);
    report_failed(launch);
    (void)!write(failed, "", 1);
    leave(127);
}

/* {path, arguments, environment, filter of this process} */
int step_run(struct launch *launch, const struct value *fields)
{
    int pidfd = -1, failed[2];
    if (!require_reaper(launch))
        return -1;
    fill_texts(arguments, &fields[1]);
    fill_texts(environment, &fields[2]);
    if (pipe2(failed, O_CLOEXEC) != 0)
        return failure("make a pipe", NULL);
    int signals = child_signals();
    if (signals < 0)
        return -1;
    pid_t program = raw_clone(CLONE_PIDFD | SIGCHLD, &pidfd);
    if (program < 0)
        return failure("make the process of the program", NULL);
    if (program == 0)
        become(launch, fields[0].text, failed[1]);
    launch->tree.program = program;
    close(failed[1]);
    close_kept(launch);
    be_prompt();
    if (install_filter(&fields[3]) != 0)
        return failure("install the filter of the launcher", NULL);
    char byte;
    ssize_t got = read(failed[0], &byte, 1);
    if (got > 0)
        end_all(launch, 1); /* the child has reported */
    if (got < 0)
        return failure("wait for the exec", NULL);
    close(failed[0]);
    if (report_process(launch, SALLYPORT_TAG_LAUNCHED, pidfd) != 0)
        return failure("tell the broker of the program", NULL);
    close(pidfd);
    supervise(launch, program, signals);
    return 0; /* not reached */
}
