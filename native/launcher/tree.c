/* Without a pid namespace: this process adopts what its descendants leave behind, and ends all of them at once.
 *
 * No list of processes is read, since a fork would always be ahead of it. One kill(2) that names no single process reaches
 * all of them, and a fork under way fails by it (copy_process looks for a fatal signal with the list of tasks locked). */
#include "launcher.h"
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* {reach, scopes of the program}. After every change of ids and after landlock, by which it is known what a signal to
 * everybody reaches. SIGKILL by the broker's death, which the process that stays has not asked for, would end it before it
 * had ended the others; a pidfd tells the same, and tells it of the whole broker, not of the thread that forked. */
int step_subreaper(struct launch *launch, const struct value *fields)
{
    struct tree *tree = &launch->tree;
    uint32_t reach = (uint32_t)fields[0].number;
    bool known = (reach == REACH_UID && launch->own_uid) || (reach == REACH_DOMAIN && launch->own_domain) ||
                 reach == REACH_GROUP;
    if (!known || launch->namespaces & CLONE_NEWPID) {
        errno = EPERM;
        return failure("a signal to everybody would reach others too", NULL);
    }
    tree->broker = (int)syscall(SYS_pidfd_open, getppid(), 0);
    if (tree->broker < 0)
        return failure("open the pidfd of the broker", NULL);
    if (go_on_as_child(launch, 0) != 0)
        return -1;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        return failure("adopt orphans", NULL);
    tree->self = getpid();
    tree->scoped = fields[1].number;
    tree->reach = reach;
    return 0;
}

bool require_reaper(const struct launch *launch)
{
    if (getpid() == 1 || launch->tree.reach != 0)
        return true;
    errno = EPERM;
    failure("neither pid 1 of a pid namespace nor a subreaper: it could not end everything that the program starts", NULL);
    return false;
}

/* A domain of its own below this process's: what is in it cannot signal what is above. Any domain refuses renames from
 * one folder to another unless it allows them (LANDLOCK_ACCESS_FS_REFER); this one leaves them to the one above. */
static bool enter_scope(uint64_t scoped)
{
    const uint64_t refer = 1ull << 13;
    struct landlock_ruleset handled = {refer, 0, scoped};
    struct landlock_beneath everywhere = {.rights = refer, .parent = -1};
    int ruleset = (int)syscall(NR_LANDLOCK_CREATE_RULESET, &handled, sizeof handled, 0);
    if (ruleset < 0)
        return false;
    everywhere.parent = open("/", O_PATH | O_CLOEXEC);
    bool entered = everywhere.parent >= 0 &&
                   syscall(NR_LANDLOCK_ADD_RULE, ruleset, LANDLOCK_BENEATH, &everywhere, 0) == 0 &&
                   syscall(NR_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0;
    close_quietly(everywhere.parent);
    close_quietly(ruleset);
    return entered;
}

bool stay_within_reach(const struct launch *launch)
{
    const struct tree *tree = &launch->tree;
    if (tree->reach == 0)
        return true;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return false;
    if (getppid() != tree->self) { /* it was too late for that */
        errno = ESRCH;
        return false;
    }
    if (tree->reach == REACH_GROUP && setpgid(0, 0) != 0)
        return false;
    return tree->scoped == 0 || enter_scope(tree->scoped);
}

bool program_has_ended(const struct launch *launch)
{
    siginfo_t ended = {.si_pid = 0};
    int options = WEXITED | WNOHANG | WNOWAIT | __WALL;
    return waitid(P_PID, (id_t)launch->tree.program, &ended, options) == 0 && ended.si_pid != 0;
}

void signal_tree(const struct launch *launch)
{
    const struct tree *tree = &launch->tree;
    if (tree->reach == 0 || tree->program == 0)
        return;
    kill(tree->program, SIGKILL); /* it may not have made its group yet */
    kill(tree->reach == REACH_GROUP ? -tree->program : -1, SIGKILL);
}

void await_tree(const struct launch *launch)
{
    if (launch->tree.reach == 0)
        return;
    while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR) {
    }
}
