/* What the process gives up for good: memory of the host, limits, its terminal, privileges, side channels, syscalls. */
#include "launcher.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILTER_INSTRUCTIONS = 4096 };

/* {value} */
int step_oom_score_adj(struct launch *launch, const struct value *fields)
{
    (void)launch;
    char text[16];
    snprintf(text, sizeof text, "%d", (int)(int32_t)fields[0].number);
    if (write_file("/proc/self/oom_score_adj", text) != 0)
        return failure("write /proc/self/oom_score_adj", text);
    return 0;
}

/* {resource, soft, hard} */
int step_rlimit(struct launch *launch, const struct value *fields)
{
    (void)launch;
    char detail[128];
    struct rlimit before, after, limit = {(rlim_t)fields[1].number, (rlim_t)fields[2].number};
    int resource = (int)fields[0].number;
    snprintf(detail, sizeof detail, "resource %u, soft %llu, hard %llu", (unsigned)fields[0].number,
             (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
    if (getrlimit(resource, &before) != 0)
        return failure("read a limit", detail);
    if (setrlimit(resource, &limit) != 0) {
        snprintf(detail, sizeof detail, "resource %u, soft %llu, hard %llu, where the hard limit is %llu",
                 (unsigned)fields[0].number, (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max,
                 (unsigned long long)before.rlim_max);
        return failure("set a limit", detail);
    }
    if (getrlimit(resource, &after) != 0 || after.rlim_cur != limit.rlim_cur || after.rlim_max != limit.rlim_max) {
        errno = EINVAL;
        return failure("a limit is not what was set", detail);
    }
    return 0;
}

/* {} */
int step_session(struct launch *launch, const struct value *fields)
{
    (void)launch;
    (void)fields;
    if (setsid() < 0)
        return failure("start a session", NULL);
    return 0;
}

/* {fd} */
int step_controlling_terminal(struct launch *launch, const struct value *fields)
{
    (void)launch;
    if (ioctl((int)fields[0].number, TIOCSCTTY, 0) != 0)
        return failure("make it the terminal of the session", NULL);
    return 0;
}

/* {}: a change of ids clears it. */
int step_parent_death_signal(struct launch *launch, const struct value *fields)
{
    (void)launch;
    (void)fields;
    int number = 0;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || prctl(PR_GET_PDEATHSIG, &number, 0, 0, 0) != 0)
        return failure("ask for SIGKILL when the broker dies", NULL);
    if (number != SIGKILL) {
        errno = EINVAL;
        return failure("SIGKILL when the broker dies is not in force", NULL);
    }
    return 0;
}

/* {} */
int step_no_new_privs(struct launch *launch, const struct value *fields)
{
    (void)launch;
    (void)fields;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return failure("set no_new_privs", NULL);
    return 0;
}

/* {controls}. A processor that is not affected, or where the kernel leaves no choice (no PR_SPEC_PRCTL bit), is passed
 * over; the broker reads what is in force from /proc/PID/status. */
int step_speculation(struct launch *launch, const struct value *fields)
{
    (void)launch;
    for (uint32_t i = 0; i < fields[0].count; i++) {
        unsigned long control = item_u32(&fields[0], i);
        int state = prctl(PR_GET_SPECULATION_CTRL, control, 0, 0, 0);
        if (state < 0) {
            if (errno == ENODEV || errno == EINVAL) /* unknown to this processor or kernel */
                continue;
            return failure("read a speculation control", NULL);
        }
        if (!(state & PR_SPEC_PRCTL) || (state & PR_SPEC_FORCE_DISABLE))
            continue;
        if (prctl(PR_SET_SPECULATION_CTRL, control, PR_SPEC_FORCE_DISABLE, 0, 0) != 0)
            return failure("switch speculation off", NULL);
    }
    return 0;
}

/* {}: nobody of the same uid may read or write this process through /proc. Copies of it inherit that, exec resets it. */
int step_not_dumpable(struct launch *launch, const struct value *fields)
{
    (void)launch;
    (void)fields;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return failure("become not dumpable", NULL);
    return 0;
}

int install_filter(const struct value *program)
{
    uint32_t instructions = program->count / sizeof(struct sock_filter);
    if (program->count % sizeof(struct sock_filter) != 0 || instructions == 0 || instructions > FILTER_INSTRUCTIONS) {
        errno = EINVAL;
        return -1;
    }
    struct sock_fprog filter = {(unsigned short)instructions, (struct sock_filter *)(void *)program->bytes};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
}

/* {filter}. Without a pid namespace it is the program's alone, which has to do what it forbids to stay within reach;
 * this process has a tighter one soon. */
int step_stage0(struct launch *launch, const struct value *fields)
{
    if (launch->tree.reach != 0) {
        launch->tree.stage0 = fields[0];
        return 0;
    }
    if (install_filter(&fields[0]) != 0)
        return failure("install the filter of stage 0", NULL);
    return 0;
}
