/* Kernel interfaces that are younger than the oldest C library we build on. The numbers of the calls are the
 * same on x86-64 and arm64. The constants have names of our own, so that no version of <sys/mount.h> or
 * <linux/mount.h>, which exclude each other in glibc 2.36, can clash with them. */
#ifndef SALLYPORT_LAUNCHER_KERNEL_H
#define SALLYPORT_LAUNCHER_KERNEL_H

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    NR_OPEN_TREE = 428,
    NR_MOVE_MOUNT = 429,
    NR_FSOPEN = 430,
    NR_FSCONFIG = 431,
    NR_FSMOUNT = 432,
    NR_CLOSE_RANGE = 436,
    NR_OPENAT2 = 437,
    NR_MOUNT_SETATTR = 442,
    NR_LANDLOCK_CREATE_RULESET = 444,
    NR_LANDLOCK_ADD_RULE = 445,
    NR_LANDLOCK_RESTRICT_SELF = 446,
};

enum {
    TREE_CLONE = 1,
    TREE_RECURSIVE = 0x8000, /* AT_RECURSIVE */
    MOVE_FROM_EMPTY = 0x04,
    MOVE_TO_EMPTY = 0x40,
    CONFIG_STRING = 1,
    CONFIG_CREATE = 6,
    OPEN_CLOEXEC = 1, /* FSOPEN_CLOEXEC and FSMOUNT_CLOEXEC */
    ATTR_RDONLY = 1,
    ATTR_NOSUID = 2,
    ATTR_NODEV = 4,
    ATTR_NOEXEC = 8,
};

/* struct open_how */
struct open_manner {
    uint64_t flags, mode, resolve;
};
enum {
    RESOLVE_NO_MAGIC = 0x02,
    RESOLVE_NO_LINKS = 0x04,
    RESOLVE_INSIDE = 0x08, /* RESOLVE_BENEATH */
};

/* struct mount_attr */
struct mount_attributes {
    uint64_t set, clear, propagation, userns_fd;
};

/* struct sched_attr, of a policy that is SCHED_OTHER; nanoseconds */
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

/* struct landlock_ruleset_attr as of ABI 6; older kernels take the longer struct as long as the rest is zero. */
struct landlock_ruleset {
    uint64_t handled_fs, handled_net, scoped;
};
struct landlock_beneath {
    uint64_t rights;
    int32_t parent;
} __attribute__((packed));
enum { LANDLOCK_BENEATH = 1, SCOPE_SIGNAL = 2 };

#endif
