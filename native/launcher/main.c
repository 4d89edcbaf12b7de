/* Reads the plan from fd 5 and carries out its steps in order; what fails is reported on fd 4, the life socket. */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned char plan_bytes[SALLYPORT_PLAN_SIZE + 1];

/* Everything stays blocked: as pid 1 the launcher hears of its children through a signalfd, and the program that it
 * starts begins with an empty mask. An inherited SIG_IGN for SIGCHLD would reap the program unseen. */
static int quiet_signals(void)
{
    const struct sigaction as_born = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) {
        if (number == SIGKILL || number == SIGSTOP)
            continue;
        if (sigaction(number, &as_born, NULL) != 0 && errno != EINVAL)
            return failure("reset the signal handlers", NULL);
    }
    sigset_t all;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, NULL) != 0)
        return failure("block the signals", NULL);
    return 0;
}

static ssize_t read_plan(void)
{
    size_t size = 0;
    for (;;) {
        ssize_t got = pread(SALLYPORT_PLAN_FD, plan_bytes + size, sizeof plan_bytes - size, (off_t)size);
        if (got < 0)
            return failure("read the plan", NULL);
        size += (size_t)got;
        if (got == 0 || size == sizeof plan_bytes)
            break;
    }
    if (close(SALLYPORT_PLAN_FD) != 0)
        return failure("close the plan", NULL);
    return (ssize_t)size;
}

static int carry_out(struct launch *launch, const struct step *step)
{
    switch (step->op) {
#define CALL(op, name, shape) \
    case op: \
        return step_##name(launch, step->fields);
        SALLYPORT_STEPS(CALL)
#undef CALL
    default:
        errno = EINVAL;
        return failure("no step has this number", NULL);
    }
}

static int interpret(struct launch *launch, char *const *environment)
{
    struct plan plan;
    struct step step;
    const char *why;
    if (environment[0] != NULL) {
        errno = EINVAL; /* it would lie in the memory of pid 1 */
        return failure("the environment of the launcher is not empty", NULL);
    }
    if (quiet_signals() != 0)
        return -1;
    /* Early, in case the broker dies half-way; the step parentDeathSignal repeats it after the last change of ids. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return failure("ask for SIGKILL when the broker dies", NULL);
    umask(022);
    ssize_t size = read_plan();
    if (size < 0)
        return -1;
    if (!plan_open(&plan, plan_bytes, (size_t)size, &launch->op, &why)) {
        launch->index = plan.next;
        errno = EINVAL;
        return failure("the plan is broken", why);
    }
    while (plan_next(&plan, &step)) {
        launch->index = plan.next - 1;
        launch->op = step.op;
        if (carry_out(launch, &step) != 0)
            return -1;
    }
    errno = EINVAL;
    return failure("the plan ends without a program to run", NULL);
}

int main(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)argv;
    struct launch launch = {
        .index = UINT32_MAX, .life = SALLYPORT_LIFE_FD, .host = -1, .root = -1, .tree = {.broker = -1}};
    (void)interpret(&launch, environment); /* `run`, the last step, does not return */
    report_failed(&launch);
    end_all(&launch, 1);
}
