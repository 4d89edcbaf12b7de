/* Which file descriptors the program will have: exactly the declared ones. */
#include "launcher.h"
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void close_quietly(int fd)
{
    int kept = errno;
    if (fd >= 0)
        close(fd);
    errno = kept;
}

static int close_between(unsigned first, unsigned last)
{
    if (first > last)
        return 0;
    return (int)syscall(NR_CLOSE_RANGE, first, last, 0);
}

static bool is_kept(const struct launch *launch, int fd)
{
    for (uint32_t i = 0; i < launch->kept_count; i++)
        if (launch->kept[i] == fd)
            return true;
    return false;
}

/* {from, to}: the fd at from[i] goes to the number to[i]; the life socket goes above them, and all else is closed. */
int step_keep_fds(struct launch *launch, const struct value *fields)
{
    const struct value *from = &fields[0], *to = &fields[1];
    int copies[SALLYPORT_KEPT_FDS];
    int highest = SALLYPORT_PLAN_FD;
    if (from->count != to->count || from->count > SALLYPORT_KEPT_FDS) {
        errno = EINVAL;
        return failure("the lists of fds differ in length or are too long", NULL);
    }
    for (uint32_t i = 0; i < from->count; i++) {
        uint32_t source = item_u32(from, i), target = item_u32(to, i);
        if (source > highest + 0u && source < SALLYPORT_FD_NUMBERS)
            highest = (int)source;
        if (target > highest + 0u && target < SALLYPORT_FD_NUMBERS)
            highest = (int)target;
        if (source >= SALLYPORT_FD_NUMBERS || target >= SALLYPORT_FD_NUMBERS || is_kept(launch, (int)target)) {
            errno = EINVAL;
            return failure("an fd number is too high or given twice", NULL);
        }
        launch->kept[launch->kept_count++] = (int)target;
    }
    /* First all go above every number in use, so that none is overwritten before it was moved. */
    int life = fcntl(launch->life, F_DUPFD_CLOEXEC, highest + 1);
    if (life < 0)
        return failure("move the life socket", NULL);
    launch->life = life;
    for (uint32_t i = 0; i < from->count; i++) {
        copies[i] = fcntl((int)item_u32(from, i), F_DUPFD_CLOEXEC, highest + 1);
        if (copies[i] < 0)
            return failure("a declared fd is not open", NULL);
    }
    for (uint32_t i = 0; i < from->count; i++)
        if (dup3(copies[i], launch->kept[i], 0) < 0)
            return failure("move a declared fd", NULL);
    for (int fd = 0; fd <= highest; fd++)
        if (!is_kept(launch, fd) && close(fd) != 0 && errno != EBADF)
            return failure("close an undeclared fd", NULL);
    if (close_between((unsigned)highest + 1, (unsigned)life - 1) != 0 || close_between((unsigned)life + 1, ~0u) != 0)
        return failure("close the undeclared fds", NULL);
    return 0;
}
