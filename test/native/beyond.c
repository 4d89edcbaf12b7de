/* What namespaces would keep away from a program, tried one after the other: `name errno` on stdout, 0 where it worked.
 * Arguments: a folder that everybody may write to, with `file`, `socket` and `link`; the broker's pid; a TCP port; an
 * abstract name; a file that was granted for reading. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

static void tell(const char *name, long result)
{
    printf("%s %d\n", name, result < 0 ? errno : 0);
}

static long open_once(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd;
}

static long connect_unix(int type, const char *path, size_t length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, length);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    int fd = socket(AF_UNIX, type, 0);
    return fd < 0 ? fd : connect(fd, (struct sockaddr *)&address, size);
}

static long send_udp(int port)
{
    struct sockaddr_in address = {AF_INET, htons((uint16_t)port), {htonl(INADDR_LOOPBACK)}, {0}};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    return fd < 0 ? fd : sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof address);
}

static long connect_tcp(int port)
{
    struct sockaddr_in address = {AF_INET, htons((uint16_t)port), {htonl(INADDR_LOOPBACK)}, {0}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? fd : connect(fd, (struct sockaddr *)&address, sizeof address);
}

static long datagram_by_pair(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int pair[2];
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0)
        return -1;
    struct iovec part = {"x", 1};
    struct msghdr message = {.msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1};
    return sendmsg(pair[0], &message, 0);
}

static long reopen(const char *path)
{
    char again[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fd;
    snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
    return open_once(again, O_WRONLY);
}

static long by_fd(const char *path, int what)
{
    int flags = 0, fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fd;
    if (what == 0)
        return fchmod(fd, 0777);
    if (what == 1)
        return futimens(fd, NULL);
    return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

int main(int count, char **words)
{
    char file[512], other[512], link_path[512], text[64], abstract[108] = {0};
    if (count != 6)
        return 2;
    const char *folder = words[1], *granted = words[5];
    int broker = atoi(words[2]), port = atoi(words[3]);
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    snprintf(abstract + 1, sizeof abstract - 1, "%s", words[4]);

    tell("read", open_once(file, O_RDONLY));
    tell("read-by-link", open_once(link_path, O_RDONLY));
    tell("write", open_once(file, O_WRONLY));
    tell("empty", open_once(file, O_RDONLY | O_TRUNC));
    tell("empty-granted", open_once(granted, O_RDONLY | O_TRUNC));
    tell("truncate-granted", truncate(granted, 0));
    tell("write-granted", open_once(granted, O_WRONLY));
    tell("reopen-granted", reopen(granted));
    tell("fchmod-granted", by_fd(granted, 0));
    tell("futimens-granted", by_fd(granted, 1));
    tell("setflags-granted", by_fd(granted, 2));
    tell("read-granted", open_once(granted, O_RDONLY));
    tell("create", open_once(other, O_WRONLY | O_CREAT));
    tell("tmpfile", open_once(folder, O_WRONLY | O_TMPFILE));
    tell("list", open_once(folder, O_RDONLY | O_DIRECTORY));
    tell("truncate", truncate(file, 0));
    tell("chmod", chmod(file, 0777));
    tell("chown", chown(file, getuid(), getgid()));
    tell("utime", utimensat(AT_FDCWD, file, NULL, 0));
    tell("setxattr", setxattr(file, "user.x", "y", 1, 0));
    tell("unlink", unlink(file));
    tell("rename", rename(file, other));
    tell("link", link(file, other));
    tell("symlink", symlink("/etc", other));
    tell("mkdir", mkdir(other, 0777));
    tell("mkfifo", mkfifo(other, 0777));
    tell("inotify", inotify_add_watch(inotify_init1(IN_CLOEXEC), folder, IN_CREATE));
    tell("execute", execl("/bin/sh", "sh", "-c", "exit 3", (char *)NULL));

    snprintf(text, sizeof text, "%s/socket", folder);
    tell("unix-stream", connect_unix(SOCK_STREAM, text, strlen(text) + 1));
    tell("unix-datagram", connect_unix(SOCK_DGRAM, text, strlen(text) + 1));
    tell("unix-pair", datagram_by_pair(text));
    tell("abstract", connect_unix(SOCK_STREAM, abstract, 1 + strlen(words[4])));
    tell("tcp", connect_tcp(port));
    tell("udp", send_udp(port));
    tell("listen", listen(socket(AF_INET, SOCK_STREAM, 0), 1));

    tell("shm", shmget(IPC_PRIVATE, 4096, 0600 | IPC_CREAT));
    tell("sem", semget(IPC_PRIVATE, 1, 0600 | IPC_CREAT));
    tell("msg", msgget(IPC_PRIVATE, 0600 | IPC_CREAT));
    tell("mq", mq_open("/sallyport-test", O_CREAT | O_RDWR, 0600, NULL));

    tell("kill-broker", kill(broker, 0));
    tell("kill-launcher", kill(getppid(), 0));
    tell("tgkill-broker", syscall(SYS_tgkill, broker, broker, 0));
    tell("queue-broker", syscall(SYS_rt_sigqueueinfo, broker, 0, (siginfo_t[1]){{0}}));
    int pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);
    tell("pidfd-launcher", syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0));
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    tell("affinity-launcher", sched_setaffinity(getppid(), sizeof one, &one));
    tell("kill-self", kill(getpid(), 0));

    const char *names[] = {"environ", "mem", "maps", "fd/0", "cmdline", "root/etc/passwd", "cwd"};
    int others[] = {broker, getppid(), 1, getpid()};
    const char *whose[] = {"broker", "launcher", "init", "own"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        for (size_t j = 0; j < sizeof names / sizeof *names; j++) {
            char path[64];
            snprintf(path, sizeof path, "/proc/%d/%s", others[i], names[j]);
            snprintf(text, sizeof text, "proc-%s-%s", whose[i], names[j]);
            tell(text, open_once(path, O_RDONLY));
        }
    fflush(stdout);
    return 0;
}
