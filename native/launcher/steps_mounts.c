/* The new root. While it is built the host's tree lies at /old with nothing of it covered, and the new root at /new;
 * sources are opened beneath the one and targets beneath the other, never through a symlink. */
#include "launcher.h"
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MS_REC_PRIVATE = 0x4000 | 0x40000, DETACH = 2 };
enum { NAME_SIZE = 256 };

static int need_mount_namespace(const struct launch *launch)
{
    if (launch->namespaces & CLONE_NEWNS)
        return 0;
    errno = EPERM;
    return failure("mounts are changed in a mount namespace only", NULL);
}

/* ---- paths ---- */

static int open_beneath(int folder, const char *path, uint64_t flags)
{
    struct open_manner how = {
        .flags = O_PATH | O_CLOEXEC | flags,
        .resolve = RESOLVE_INSIDE | RESOLVE_NO_LINKS | RESOLVE_NO_MAGIC,
    };
    return (int)syscall(NR_OPENAT2, folder, path, &how, sizeof how);
}

static int open_folder(int parent, const char *name)
{
    int fd = open_beneath(parent, name, O_DIRECTORY);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (mkdirat(parent, name, 0755) != 0)
        return -1;
    return open_beneath(parent, name, O_DIRECTORY);
}

/* Opens the folder of the new root that holds the last component of `path`, making what is missing on the way. */
static int open_parent(int root, const char *path, const char **last)
{
    char name[NAME_SIZE];
    int folder = open_beneath(root, ".", O_DIRECTORY);
    for (*last = path + 1; folder >= 0; ) {
        const char *slash = strchr(*last, '/');
        if (slash == NULL)
            return folder;
        size_t length = (size_t)(slash - *last);
        int next = -1;
        if (length < sizeof name) {
            memcpy(name, *last, length);
            name[length] = '\0';
            next = open_folder(folder, name);
        } else {
            errno = ENAMETOOLONG;
        }
        close_quietly(folder);
        folder = next;
        *last = slash + 1;
    }
    return -1;
}

static int open_file(int parent, const char *name)
{
    int fd = open_beneath(parent, name, 0);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    fd = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0444);
    if (fd < 0)
        return -1;
    close(fd);
    return open_beneath(parent, name, 0);
}

/* What may not be made has to be there: a path into what is shown of the host. */
static int open_target(int root, const char *path, bool folder, bool make)
{
    const char *name;
    if (!make)
        return open_beneath(root, path + 1, folder ? O_DIRECTORY : 0);
    int parent = open_parent(root, path, &name);
    if (parent < 0)
        return -1;
    int fd = folder ? open_folder(parent, name) : open_file(parent, name);
    close_quietly(parent);
    return fd;
}

/* ---- mounts ---- */

static int set_attributes(int mount, uint64_t attributes, int flags)
{
    struct mount_attributes change = {.set = attributes};
    return (int)syscall(NR_MOUNT_SETATTR, mount, "", AT_EMPTY_PATH | flags, &change, sizeof change);
}

static int put(int mount, int target)
{
    return (int)syscall(NR_MOVE_MOUNT, mount, "", target, "", MOVE_FROM_EMPTY | MOVE_TO_EMPTY);
}

static int configure(int fs, const char *key, const char *value)
{
    return (int)syscall(NR_FSCONFIG, fs, CONFIG_STRING, key, value, 0);
}

static int configure_number(int fs, const char *key, const char *format, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof text, format, (unsigned long long)number);
    return configure(fs, key, text);
}

/* Takes fs over. */
static int create_mount(int fs, unsigned attributes)
{
    int mount = -1;
    if (syscall(NR_FSCONFIG, fs, CONFIG_CREATE, NULL, NULL, 0) == 0)
        mount = (int)syscall(NR_FSMOUNT, fs, OPEN_CLOEXEC, attributes);
    close_quietly(fs);
    return mount;
}

/* A detached tmpfs; one without a size could fill the memory of the host. */
static int make_tmpfs(uint64_t size, uint64_t inodes, unsigned mode, unsigned attributes)
{
    if (size == 0 || inodes == 0) {
        errno = EINVAL;
        return -1;
    }
    int fs = (int)syscall(NR_FSOPEN, "tmpfs", OPEN_CLOEXEC);
    if (fs < 0)
        return -1;
    if (configure_number(fs, "size", "%llu", size) != 0 || configure_number(fs, "nr_inodes", "%llu", inodes) != 0 ||
        configure_number(fs, "mode", "%llo", mode) != 0) {
        close_quietly(fs);
        return -1;
    }
    return create_mount(fs, attributes);
}

/* A detached copy of what is mounted at an O_PATH fd and below it. */
static int copy_tree(int source, uint64_t attributes)
{
    int tree = (int)syscall(NR_OPEN_TREE, source, "", TREE_CLONE | TREE_RECURSIVE | AT_EMPTY_PATH | O_CLOEXEC);
    if (tree >= 0 && set_attributes(tree, attributes, TREE_RECURSIVE) != 0) {
        close_quietly(tree);
        return -1;
    }
    return tree;
}

/* Takes mount and target over. */
static int put_and_close(int mount, int target)
{
    int done = mount < 0 || target < 0 ? -1 : put(mount, target);
    close_quietly(mount);
    close_quietly(target);
    return done;
}

/* ---- steps ---- */

/* {} */
int step_private_propagation(struct launch *launch, const struct value *fields)
{
    (void)fields;
    if (need_mount_namespace(launch) != 0)
        return -1;
    if (syscall(SYS_mount, NULL, "/", NULL, MS_REC_PRIVATE, NULL) != 0)
        return failure("make all mounts private", NULL);
    return 0;
}

/* {on, size of the staging tmpfs, size, inodes and mode of the new root}. As bubblewrap does it: a first pivot_root to a
 * tmpfs mounted somewhere on the host takes the host's tree to /old, where that tmpfs no longer covers any of it. */
int step_staging_root(struct launch *launch, const struct value *fields)
{
    const char *on = fields[0].text;
    if (need_mount_namespace(launch) != 0)
        return -1;
    int staging = make_tmpfs(fields[1].number, 16, 0755, ATTR_NOSUID | ATTR_NODEV);
    if (staging < 0)
        return failure("make the staging tmpfs", NULL);
    if (syscall(NR_MOVE_MOUNT, staging, "", AT_FDCWD, on, MOVE_FROM_EMPTY) != 0)
        return failure("mount the staging tmpfs on", on);
    if (mkdirat(staging, "new", 0755) != 0 || mkdirat(staging, "old", 0755) != 0)
        return failure("make the folders of the staging tmpfs", NULL);
    if (fchdir(staging) != 0 || syscall(SYS_pivot_root, ".", "old") != 0 || chdir("/") != 0)
        return failure("pivot_root to the staging tmpfs", NULL);
    close_quietly(staging);
    launch->host = open("/old", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (launch->host < 0)
        return failure("open the host's tree", NULL);
    int root = make_tmpfs(fields[2].number, fields[3].number, (unsigned)fields[4].number, ATTR_NOSUID | ATTR_NODEV);
    int target = open("/new", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (put_and_close(root, target) != 0)
        return failure("mount the new root", NULL);
    launch->root = open("/new", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (launch->root < 0)
        return failure("open the new root", NULL);
    return 0;
}

/* A path that was judged may lead elsewhere by now; what it led to then is known by device and inode. */
static bool is_same_file(const struct stat *facts, uint64_t device, uint64_t inode)
{
    return (device == 0 && inode == 0) || (facts->st_dev == device && facts->st_ino == inode);
}

/* {source, target, attributes, whether to make the target, device and inode of the source or 0 and 0} */
int step_bind(struct launch *launch, const struct value *fields)
{
    const char *from = fields[0].text, *to = fields[1].text;
    struct stat facts;
    int source = open_beneath(launch->host, from[1] == '\0' ? "." : from + 1, 0);
    if (source < 0)
        return failure("open the source, which must be a real path", from);
    if (fstat(source, &facts) != 0)
        return failure("stat the source", from);
    if (!is_same_file(&facts, fields[4].number, fields[5].number)) {
        errno = ESTALE;
        return failure("find the source as it was when it was judged", from);
    }
    int tree = copy_tree(source, fields[2].number);
    close_quietly(source);
    if (tree < 0)
        return failure("copy the mounts at the source", from);
    int target = open_target(launch->root, to, S_ISDIR(facts.st_mode), fields[3].number);
    if (target < 0) {
        close_quietly(tree);
        return failure(fields[3].number ? "make the target" : "open the target", to);
    }
    if (put_and_close(tree, target) != 0)
        return failure("mount on the target", to);
    return 0;
}

/* {target, size}: what is there can no longer be seen. */
int step_mask(struct launch *launch, const struct value *fields)
{
    const char *to = fields[0].text;
    struct stat facts;
    int cover = -1;
    int target = open_beneath(launch->root, to + 1, 0);
    if (target < 0)
        return failure("open what is to be masked", to);
    if (fstat(target, &facts) != 0)
        return failure("stat what is to be masked", to);
    if (S_ISDIR(facts.st_mode)) {
        cover = make_tmpfs(fields[1].number, 1, 0555, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC);
    } else {
        int null = open_beneath(launch->host, "dev/null", 0);
        if (null >= 0)
            cover = copy_tree(null, ATTR_RDONLY | ATTR_NOSUID | ATTR_NOEXEC);
        close_quietly(null);
    }
    if (put_and_close(cover, target) != 0)
        return failure("mask", to);
    return 0;
}

/* {target, size, inodes, mode, attributes, whether to make the target} */
int step_tmpfs(struct launch *launch, const struct value *fields)
{
    const char *to = fields[0].text;
    int target = open_target(launch->root, to, true, fields[5].number);
    if (target < 0)
        return failure(fields[5].number ? "make the target" : "open the target", to);
    int mount =
        make_tmpfs(fields[1].number, fields[2].number, (unsigned)fields[3].number, (unsigned)fields[4].number);
    if (put_and_close(mount, target) != 0)
        return failure("mount a tmpfs on", to);
    return 0;
}

/* {text of the link, where it is made} */
int step_symlink(struct launch *launch, const struct value *fields)
{
    const char *name;
    int parent = open_parent(launch->root, fields[1].text, &name);
    if (parent < 0)
        return failure("make the folder of the symlink", fields[1].text);
    int done = symlinkat(fields[0].text, parent, name);
    close_quietly(parent);
    if (done != 0)
        return failure("make the symlink", fields[1].text);
    return 0;
}

/* {where it is made, its text} */
int step_text_file(struct launch *launch, const struct value *fields)
{
    const char *name, *text = fields[1].text;
    size_t size = strlen(text);
    int parent = open_parent(launch->root, fields[0].text, &name);
    if (parent < 0)
        return failure("make the folder of the file", fields[0].text);
    int fd = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0444);
    close_quietly(parent);
    if (fd < 0)
        return failure("make the file", fields[0].text);
    ssize_t written = write(fd, text, size);
    close_quietly(fd);
    if (written >= 0 && (size_t)written != size) {
        errno = ENOSPC;
        written = -1;
    }
    if (written < 0)
        return failure("write the file", fields[0].text);
    return 0;
}

static int make_proc(bool subset)
{
    int fs = (int)syscall(NR_FSOPEN, "proc", OPEN_CLOEXEC);
    if (fs < 0)
        return -1;
    if (subset && configure(fs, "subset", "pid") != 0) {
        close_quietly(fs);
        return -1;
    }
    return create_mount(fs, ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC);
}

/* {target, only processes if the kernel can, may fail}. In a user namespace the kernel refuses a new proc where the
 * host's is partly covered, as container engines do; then there is none. */
int step_proc(struct launch *launch, const struct value *fields)
{
    const char *to = fields[0].text;
    bool subset = fields[1].number, optional = fields[2].number;
    if (getpid() != 1) {
        errno = EPERM;
        return failure("proc is mounted in a pid namespace only", NULL);
    }
    int target = open_target(launch->root, to, true, true);
    if (target < 0)
        return failure("make the target", to);
    int mount = subset ? make_proc(true) : -1;
    if (mount < 0)
        mount = make_proc(false);
    if (mount < 0 && optional) {
        close_quietly(target);
        return 0;
    }
    if (put_and_close(mount, target) != 0)
        return failure("mount proc on", to);
    return 0;
}

/* {attributes}: the new root becomes the root, and the host's tree is gone. */
int step_pivot(struct launch *launch, const struct value *fields)
{
    if (fchdir(launch->root) != 0)
        return failure("enter the new root", NULL);
    close(launch->host);
    close(launch->root);
    launch->host = launch->root = -1;
    /* The old root is put on top of the new one, where `.` then finds it. */
    if (syscall(SYS_pivot_root, ".", ".") != 0)
        return failure("pivot_root to the new root", NULL);
    if (syscall(SYS_umount2, ".", DETACH) != 0)
        return failure("detach the host's tree", NULL);
    if (chdir("/") != 0)
        return failure("enter the root", NULL);
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int done = root < 0 ? -1 : set_attributes(root, fields[0].number, 0);
    close_quietly(root);
    if (done != 0)
        return failure("set the attributes of the root", NULL);
    return 0;
}

/* {path} */
int step_working_directory(struct launch *launch, const struct value *fields)
{
    (void)launch;
    if (chdir(fields[0].text) != 0)
        return failure("enter the working directory", fields[0].text);
    return 0;
}
