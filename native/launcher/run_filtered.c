/* The last step of the exec mode: starts a program whose filter is in force before its first instruction.
 *
 * The child installs the filter, and from then on may make no system call but the exec, which the broker's monitor
 * admits. So it cannot hand the listener over. It shares this process's fd table and memory until the exec, which is how
 * pid 1 finds the listener and sends it, and how it learns that the exec failed. */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CHILD_STACK = 64 * 1024, EMPTY_PATH = 0x1000 /* AT_EMPTY_PATH */ };

static char *arguments[SALLYPORT_PLAN_ITEMS + 1];
static char *environment[SALLYPORT_PLAN_ITEMS + 1];
static unsigned char child_stack[CHILD_STACK] __attribute__((aligned(16)));

/* What the child leaves for pid 1 in the memory that they share. */
static struct {
    /* Cleared by the kernel, which wakes who waits, when the child leaves this memory: by its exec or its end. */
    int32_t tid;
    int32_t listener; /* -1: not yet */
    int32_t error;    /* errno of what failed, or 0 */
    int32_t executing;
} shared = {.tid = -1, .listener = -1};

struct program {
    const struct launch *launch;
    int file;
    unsigned flags;
    struct sock_fprog filter;
};

static void store(int32_t *word, int32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static int32_t load(const int32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* A filter can compare with a number only, and the pid is known only now. The plan's own copy is changed: it is this
 * process's alone. */
static void name_own_pid(const struct sock_fprog *filter)
{
    for (unsigned i = 0; i < filter->len; i++) {
        struct sock_filter *instruction = &filter->filter[i];
        if (instruction->code == (BPF_JMP | BPF_JEQ | BPF_K) && instruction->k == SALLYPORT_OWN_PID)
            instruction->k = (uint32_t)getpid();
    }
}

/* In the child. After the filter there is one system call, and no way to exit by another. */
static int become(void *argument)
{
    const struct program *program = argument;
    static const uint64_t none = 0;
    long listener = -1;
    name_own_pid(&program->filter);
    if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none) == 0 && stay_within_reach(program->launch))
        listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program->flags, &program->filter);
    if (listener < 0) {
        store(&shared.error, errno);
        leave(127);
    }
    store(&shared.executing, 1);
    store(&shared.listener, (int32_t)listener);
    syscall(SYS_execveat, program->file, "", arguments, environment, EMPTY_PATH, SALLYPORT_FIRST_EXEC);
    store(&shared.error, errno);
    __builtin_trap();
}

/* Wakes also when nothing happened; the caller looks again. */
static void wait_for_change_of(int32_t *word, int32_t seen, long nanoseconds)
{
    const struct timespec patience = {0, nanoseconds};
    syscall(SYS_futex, word, FUTEX_WAIT, seen, nanoseconds == 0 ? NULL : &patience, NULL, 0);
}

/* The child cannot wake anybody once it has its filter, so that pid 1 looks every now and then: it is a matter of
 * microseconds, and of how long the kernel takes to compile a filter. */
static int await_listener(void)
{
    enum { GLANCE = 20 * 1000 };
    while (load(&shared.listener) < 0) {
        if (load(&shared.tid) == 0 || load(&shared.error) != 0) {
            errno = load(&shared.error) != 0 ? load(&shared.error) : ECHILD;
            return failure("install the filter of the program", NULL);
        }
        wait_for_change_of(&shared.listener, -1, GLANCE);
    }
    return load(&shared.listener);
}

static int open_program(const struct value *path, int file)
{
    int opened = file >= 0 ? file : open(path->text, O_PATH | O_CLOEXEC);
    if (opened < 0)
        return failure("open the program", path->text);
    if (fcntl(opened, F_SETFD, FD_CLOEXEC) != 0)
        return failure("keep the program's file out of the program", path->text);
    return opened;
}

/* {path, fd of the file or -1, arguments, environment, filter of this process, filter of the program, its flags} */
int step_run_filtered(struct launch *launch, const struct value *fields)
{
    const struct value *filter = &fields[5];
    int pidfd = -1;
    if (!require_reaper(launch))
        return -1;
    if (filter->count == 0 || filter->count % sizeof(struct sock_filter) != 0 ||
        filter->count / sizeof(struct sock_filter) > BPF_MAXINSNS) {
        errno = EINVAL;
        return failure("the filter of the program has no possible length", NULL);
    }
    fill_texts(arguments, &fields[2]);
    fill_texts(environment, &fields[3]);
    struct program program = {
        .launch = launch,
        .file = open_program(&fields[0], (int)(int32_t)fields[1].number),
        .flags = (unsigned)fields[6].number,
        .filter = {(unsigned short)(filter->count / sizeof(struct sock_filter)),
                   (struct sock_filter *)(void *)filter->bytes},
    };
    if (program.file < 0)
        return -1;
    int signals = child_signals();
    if (signals < 0)
        return -1;
    pid_t child = clone(become, child_stack + sizeof child_stack,
                        CLONE_VM | CLONE_FILES | CLONE_PIDFD | CLONE_CHILD_CLEARTID | SIGCHLD, &program, &pidfd, NULL,
                        &shared.tid);
    if (child < 0)
        return failure("make the process of the program", NULL);
    launch->tree.program = child;
    be_prompt();
    int listener = await_listener();
    if (listener < 0)
        return -1;
    if (report_process(launch, SALLYPORT_TAG_LAUNCHED, pidfd) != 0)
        return failure("tell the broker of the program", NULL);
    if (install_filter(&fields[4]) != 0)
        return failure("install the filter of the launcher", NULL);
    /* Only now: with the listener the broker lets the program begin. */
    if (report_process(launch, SALLYPORT_TAG_LISTENER, listener) != 0)
        return failure("hand the listener over", NULL);
    close(listener);
    while (load(&shared.tid) != 0)
        wait_for_change_of(&shared.tid, -1, 0);
    if (load(&shared.error) != 0) {
        errno = load(&shared.error);
        return failure("execute", fields[0].text);
    }
    if (report_executed(launch) != 0)
        return failure("tell the broker of the exec", NULL);
    close(pidfd);
    close(program.file);
    close_kept(launch);
    supervise(launch, child, signals);
    return 0; /* not reached */
}
