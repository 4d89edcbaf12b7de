/* Ids and capabilities: each is given up, and then it is checked that it cannot be had back. */
#include "launcher.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Without NO_SETUID_FIXUP: the kernel's own clearing of capabilities when root's uid is given up is a second belt. */
enum {
    SECUREBITS = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED
};

/* {}: no exec can give a capability any more. */
int step_capability_bounds(struct launch *launch, const struct value *fields)
{
    (void)launch;
    (void)fields;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
        return failure("clear the ambient capabilities", NULL);
    if (prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) != 0)
        return failure("set the securebits", NULL);
    /* The kernel may know more capabilities than the headers: EINVAL is past its last one. */
    for (unsigned long capability = 0;; capability++) {
        if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) < 0)
            break;
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
            return failure("drop a capability from the bounding set", NULL);
        if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 0) {
            errno = EPERM;
            return failure("a capability is still in the bounding set", NULL);
        }
    }
    return 0;
}

static int still_root(void)
{
    errno = EPERM;
    return failure("the former ids could be had back", NULL);
}

/* {uid, gid} */
int step_identity(struct launch *launch, const struct value *fields)
{
    uid_t uid = (uid_t)fields[0].number, real_uid, effective_uid, saved_uid;
    gid_t gid = (gid_t)fields[1].number, real_gid, effective_gid, saved_gid;
    if (uid == 0 || gid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1) {
        errno = EINVAL;
        return failure("not an id to run under", NULL);
    }
    if (setgroups(0, NULL) != 0)
        return failure("leave the supplementary groups", NULL);
    if (setresgid(gid, gid, gid) != 0)
        return failure("change the gid", NULL);
    if (setresuid(uid, uid, uid) != 0)
        return failure("change the uid", NULL);
    if (getresuid(&real_uid, &effective_uid, &saved_uid) != 0 || getresgid(&real_gid, &effective_gid, &saved_gid) != 0)
        return failure("read the ids", NULL);
    if (real_uid != uid || effective_uid != uid || saved_uid != uid || real_gid != gid || effective_gid != gid ||
        saved_gid != gid)
        return still_root();
    if (setresuid(-1, 0, -1) == 0 || setresgid(-1, 0, -1) == 0 || setgroups(0, NULL) == 0)
        return still_root();
    launch->own_uid = true;
    return 0;
}

/* {} */
int step_no_capabilities(struct launch *launch, const struct value *fields)
{
    (void)launch;
    (void)fields;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}}, left[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capset, &header, none) != 0)
        return failure("give up all capabilities", NULL);
    if (syscall(SYS_capget, &header, left) != 0)
        return failure("read the capabilities", NULL);
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        if ((left[i].effective | left[i].permitted | left[i].inheritable) != 0) {
            errno = EPERM;
            return failure("some capabilities are left", NULL);
        }
    }
    return 0;
}
