/* Namespaces, the map of ids, the process that becomes pid 1, and the names of the host. */
#include "launcher.h"
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP };

/* Files in /proc/self take one write: a second one would be another request. */
int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t size = (ssize_t)strlen(text), written = write(fd, text, (size_t)size);
    close_quietly(fd);
    if (written < 0)
        return -1;
    if (written != size) {
        errno = EIO;
        return -1;
    }
    return 0;
}

/* {flags} */
int step_unshare(struct launch *launch, const struct value *fields)
{
    uint64_t flags = fields[0].number;
    if (flags & ~(uint64_t)NAMESPACES) {
        errno = EINVAL;
        return failure("flags that name no namespace", NULL);
    }
    if (unshare((int)flags) != 0)
        return failure("make namespaces", NULL);
    launch->namespaces |= (uint32_t)flags;
    return 0;
}

/* {outer uid, outer gid, inner uid, inner gid} */
int step_id_map(struct launch *launch, const struct value *fields)
{
    char line[64];
    if (!(launch->namespaces & CLONE_NEWUSER)) {
        errno = EPERM;
        return failure("ids are mapped in a user namespace only", NULL);
    }
    if (write_file("/proc/self/setgroups", "deny") != 0)
        return failure("write", "/proc/self/setgroups");
    snprintf(line, sizeof line, "%u %u 1", (unsigned)fields[2].number, (unsigned)fields[0].number);
    if (write_file("/proc/self/uid_map", line) != 0)
        return failure("write", "/proc/self/uid_map");
    snprintf(line, sizeof line, "%u %u 1", (unsigned)fields[3].number, (unsigned)fields[1].number);
    if (write_file("/proc/self/gid_map", line) != 0)
        return failure("write", "/proc/self/gid_map");
    return 0;
}

/* clone, not clone3: stage 0 answers clone3 with ENOSYS. With CLONE_PIDFD the kernel stores a pidfd, close-on-exec, where
 * the third argument points; the arguments after it, whose order differs between architectures, are unused. */
pid_t raw_clone(unsigned long flags, int *pidfd)
{
    return (pid_t)syscall(SYS_clone, flags, NULL, pidfd, 0, 0);
}

int go_on_as_child(const struct launch *launch, unsigned long flags)
{
    pid_t child = raw_clone(flags | CLONE_PARENT, NULL);
    if (child < 0)
        return failure("make the process that stays", NULL);
    if (child > 0)
        leave(0);
    int own = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (own < 0)
        return failure("open the pidfd of the process that stays", NULL);
    if (report_process(launch, SALLYPORT_TAG_STAGE, own) != 0)
        return failure("tell the broker of the process that stays", NULL);
    close(own);
    return 0;
}

/* {} */
int step_pid_namespace(struct launch *launch, const struct value *fields)
{
    (void)fields;
    if (go_on_as_child(launch, CLONE_NEWPID) != 0)
        return -1;
    launch->namespaces |= CLONE_NEWPID;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return failure("ask for SIGKILL when the broker dies", NULL);
    return 0;
}

/* {name}. The domain name of NIS is the host's until it is set, too. */
int step_hostname(struct launch *launch, const struct value *fields)
{
    static const char no_domain[] = "(none)";
    if (!(launch->namespaces & CLONE_NEWUTS)) {
        errno = EPERM;
        return failure("the host name is set in a uts namespace only", NULL);
    }
    if (sethostname(fields[0].text, fields[0].count) != 0)
        return failure("set the host name", fields[0].text);
    if (setdomainname(no_domain, sizeof no_domain - 1) != 0)
        return failure("set the domain name", NULL);
    return 0;
}
