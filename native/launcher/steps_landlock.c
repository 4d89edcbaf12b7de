/* Landlock, applied after pivot_root: a landlocked process may not change mounts any more. */
#include "launcher.h"
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int add_rule(int ruleset, const char *path, uint64_t rights)
{
    struct landlock_beneath rule = {.rights = rights};
    struct open_manner how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_LINKS | RESOLVE_NO_MAGIC};
    rule.parent = (int)syscall(NR_OPENAT2, AT_FDCWD, path, &how, sizeof how);
    if (rule.parent < 0)
        return failure("open the path of a rule", path);
    long done = syscall(NR_LANDLOCK_ADD_RULE, ruleset, LANDLOCK_BENEATH, &rule, 0);
    close_quietly(rule.parent);
    if (done != 0)
        return failure("add the rule for", path);
    return 0;
}

/* {handled fs rights, handled net rights, scopes, paths, the rights beneath each}: the masks fit the kernel's ABI. */
int step_landlock(struct launch *launch, const struct value *fields)
{
    (void)launch;
    const struct value *paths = &fields[3], *rights = &fields[4];
    struct landlock_ruleset handled = {fields[0].number, fields[1].number, fields[2].number};
    if (paths->count != rights->count) {
        errno = EINVAL;
        return failure("the lists of the rules differ in length", NULL);
    }
    int ruleset = (int)syscall(NR_LANDLOCK_CREATE_RULESET, &handled, sizeof handled, 0);
    if (ruleset < 0)
        return failure("make the ruleset", NULL);
    const unsigned char *cursor = paths->bytes;
    for (uint32_t i = 0; i < paths->count; i++)
        if (add_rule(ruleset, item_text(&cursor), item_u64(rights, i)) != 0)
            return -1;
    if (syscall(NR_LANDLOCK_RESTRICT_SELF, ruleset, 0) != 0)
        return failure("enter the ruleset", NULL);
    close(ruleset);
    return 0;
}
