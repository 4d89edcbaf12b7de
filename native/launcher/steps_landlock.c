/* Landlock, applied after pivot_root: a landlocked process may not change mounts any more. */
#include "launcher.h"
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int add_rule(int ruleset, int parent, const char *path, uint64_t rights)
{
    struct landlock_beneath rule = {.rights = rights, .parent = parent};
    if (syscall(NR_LANDLOCK_ADD_RULE, ruleset, LANDLOCK_BENEATH, &rule, 0) != 0)
        return failure("add the rule for", path);
    return 0;
}

static int add_path(int ruleset, const char *path, uint64_t rights)
{
    struct open_manner how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_LINKS | RESOLVE_NO_MAGIC};
    int parent = (int)syscall(NR_OPENAT2, AT_FDCWD, path, &how, sizeof how);
    if (parent < 0)
        return failure("open the path of a rule", path);
    int added = add_rule(ruleset, parent, path, rights);
    close_quietly(parent);
    return added;
}

/* {handled fs rights, handled net rights, scopes, paths, the rights beneath each, a kept fd or -1, the rights of its
 * file}: the masks fit the kernel's ABI. */
int step_landlock(struct launch *launch, const struct value *fields)
{
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
        if (add_path(ruleset, item_text(&cursor), item_u64(rights, i)) != 0)
            return -1;
    int file = (int)(int32_t)fields[5].number;
    if (file >= 0 && add_rule(ruleset, file, "the file to execute", fields[6].number) != 0)
        return -1;
    if (syscall(NR_LANDLOCK_RESTRICT_SELF, ruleset, 0) != 0)
        return failure("enter the ruleset", NULL);
    close(ruleset);
    launch->own_domain = (handled.scoped & SCOPE_SIGNAL) != 0;
    return 0;
}
