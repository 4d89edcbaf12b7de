/* The control groups of the sandboxee, joined before anything else: whatever is done and started later is in them. */
#include "launcher.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* {fds}: each is a group's cgroup.procs, or its tasks, open for writing. "0" is whoever writes it: this process has one
 * thread, so that either moves all of it. */
int step_join_cgroups(struct launch *launch, const struct value *fields)
{
    (void)launch;
    const struct value *fds = &fields[0];
    for (uint32_t i = 0; i < fds->count; i++) {
        uint32_t fd = item_u32(fds, i);
        if (fd >= SALLYPORT_FD_NUMBERS) {
            errno = EINVAL;
            return failure("an fd number of a cgroup is too high", NULL);
        }
        ssize_t written = write((int)fd, "0", 1);
        if (written != 1) {
            char number[16];
            if (written >= 0)
                errno = EIO;
            snprintf(number, sizeof number, "fd %u", (unsigned)fd);
            return failure("join a cgroup", number);
        }
        if (close((int)fd) != 0)
            return failure("close the fd of a cgroup", NULL);
    }
    return 0;
}
