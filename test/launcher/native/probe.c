/* What a program inside finds. Each argument is one question, `name` or `name=operand`; each answer is one line,
 * `question<TAB>answer`. An answer to an attempt is 0 or the errno. Static, so that it needs nothing but itself. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static int outcome(long result)
{
    return result < 0 ? errno : 0;
}

static int open_and_close(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    int found = outcome(fd);
    if (fd >= 0)
        close(fd);
    return found;
}

static void list(const char *path)
{
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    if (count < 0) {
        printf("errno %d", errno);
        return;
    }
    for (int i = 0; i < count; i++)
        if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0)
            printf("%s ", names[i]->d_name);
}

static void contents(const char *path)
{
    char text[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (size < 0) {
        printf("errno %d", errno);
    } else {
        for (ssize_t i = 0; i < size; i++)
            putchar(text[i] == '\n' ? '|' : text[i]);
    }
    if (fd >= 0)
        close(fd);
}

static void fds(void)
{
    for (int fd = 0; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("%d ", fd);
}

static void ids(void)
{
    uid_t u[3];
    gid_t g[3], groups[64];
    getresuid(&u[0], &u[1], &u[2]);
    getresgid(&g[0], &g[1], &g[2]);
    printf("%u %u %u %u %u %u groups %d", u[0], u[1], u[2], g[0], g[1], g[2], getgroups(64, groups));
}

static int reopen_writable(const char *path)
{
    char again[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
    return open_and_close(again, O_WRONLY);
}

static int reopen_fd_writable(const char *number)
{
    char again[64];
    snprintf(again, sizeof again, "/proc/self/fd/%s", number);
    return open_and_close(again, O_WRONLY);
}

static int read_memory(pid_t pid)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {(void *)0x400000, 1};
    return outcome(process_vm_readv(pid, &here, 1, &there, 1, 0));
}

static int connect_tcp(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int found = outcome(connect(fd, (struct sockaddr *)&address, sizeof address));
    close(fd);
    return found;
}

static int fill(const char *path)
{
    static char block[4096];
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ssize_t written;
    if (fd < 0)
        return errno;
    do
        written = write(fd, block, sizeof block);
    while (written > 0);
    int found = outcome(written);
    close(fd);
    return found;
}

static int fill_inodes(const char *folder)
{
    char path[256];
    for (int i = 0; i < 100000; i++) {
        snprintf(path, sizeof path, "%s/%d", folder, i);
        int found = open_and_close(path, O_CREAT | O_WRONLY);
        if (found != 0)
            return found;
    }
    return 0;
}

static void signals(void)
{
    sigset_t mask;
    int blocked = 0, not_default = 0;
    uint64_t raw = 0;
    struct sigaction action;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &raw, sizeof raw);
    blocked = __builtin_popcountll(raw);
    sigemptyset(&mask);
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
            not_default++;
    printf("blocked %d, not default %d", blocked, not_default);
}

static int bounding_set(void)
{
    int count = 0;
    for (int capability = 0; capability < 64; capability++)
        if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1)
            count++;
    return count;
}

static void limit(int resource)
{
    struct rlimit found;
    if (getrlimit(resource, &found) != 0)
        printf("errno %d", errno);
    else
        printf("%lld %lld", (long long)found.rlim_cur, (long long)found.rlim_max);
}

/* Descendants that leave the session and lose their parents; each holds stdout. */
static void scatter(int count)
{
    for (int i = 0; i < count; i++) {
        if (fork() != 0)
            continue;
        setsid();
        if (fork() == 0)
            for (;;)
                pause();
        _exit(0);
    }
    while (wait(NULL) > 0)
        ;
}

/* Forks for ever, in every descendant; each holds stdout. */
static void bomb(void)
{
    signal(SIGCHLD, SIG_IGN);
    for (;;)
        if (fork() < 0)
            usleep(100);
}

/* What is orphaned, by the pid of who has adopted it. */
static int adopter(void)
{
    int ends[2], found = -1;
    if (pipe(ends) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        pid_t middle = getpid();
        if (fork() == 0) {
            while (getppid() == middle)
                usleep(100);
            found = getppid();
            _exit(write(ends[1], &found, sizeof found) < 0);
        }
        _exit(0);
    }
    waitpid(child, NULL, 0);
    if (read(ends[0], &found, sizeof found) != sizeof found)
        found = -1;
    close(ends[0]);
    close(ends[1]);
    return found;
}

static int children_reaped(int count)
{
    for (int i = 0; i < count; i++) {
        if (fork() == 0) {
            if (fork() == 0)
                _exit(0);
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        ;
    usleep(50000);
    DIR *proc = opendir("/proc");
    int processes = 0;
    for (struct dirent *entry = proc ? readdir(proc) : NULL; entry; entry = readdir(proc))
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
            processes++;
    return processes;
}

static void answer(const char *name, const char *operand)
{
#define IS(text) (strcmp(name, text) == 0)
    if (IS("list")) list(operand);
    else if (IS("contents")) contents(operand);
    else if (IS("fds")) fds();
    else if (IS("ids")) ids();
    else if (IS("signals")) signals();
    else if (IS("bounding")) printf("%d", bounding_set());
    else if (IS("limit")) limit(atoi(operand));
    else if (IS("read")) printf("%d", open_and_close(operand, O_RDONLY));
    else if (IS("write")) printf("%d", open_and_close(operand, O_WRONLY));
    else if (IS("create")) printf("%d", open_and_close(operand, O_WRONLY | O_CREAT | O_EXCL));
    else if (IS("readwrite")) printf("%d", open_and_close(operand, O_RDWR));
    else if (IS("reopen")) printf("%d", reopen_writable(operand));
    else if (IS("reopen-fd")) printf("%d", reopen_fd_writable(operand));
    else if (IS("remove")) printf("%d", outcome(unlink(operand)));
    else if (IS("fill")) printf("%d", fill(operand));
    else if (IS("fill-inodes")) printf("%d", fill_inodes(operand));
    else if (IS("ptrace")) printf("%d", outcome(ptrace(PTRACE_ATTACH, atoi(operand), NULL, NULL)));
    else if (IS("memory")) printf("%d", read_memory(atoi(operand)));
    else if (IS("tcp")) printf("%d", connect_tcp());
    else if (IS("kill")) printf("%d", outcome(kill(1, atoi(operand))));
    else if (IS("kill-parent")) printf("%d", outcome(kill(getppid(), atoi(operand))));
    else if (IS("kill-all")) printf("%d", outcome(kill(-1, atoi(operand))));
    else if (IS("kill-pid")) printf("%d", outcome(kill(atoi(operand), 0)));
    else if (IS("setsid")) printf("%d", outcome(setsid()));
    else if (IS("setpgid")) printf("%d", outcome(setpgid(0, 0)));
    else if (IS("group")) printf("%s", getpgid(0) == getpid() ? "own" : "of another");
    else if (IS("adopter")) printf("%s", adopter() == getppid() ? "launcher" : "other");
    else if (IS("setuid")) printf("%d", outcome(setresuid(0, 0, 0)));
    else if (IS("sethostname")) printf("%d", outcome(sethostname("x", 1)));
    else if (IS("mount")) printf("%d", outcome(mount("x", "/tmp", "tmpfs", 0, "")));
    else if (IS("unmount")) printf("%d", outcome(umount2(operand, MNT_DETACH)));
    else if (IS("session")) printf("%d %d", getsid(0), outcome(open("/dev/tty", O_RDWR | O_CLOEXEC)));
    else if (IS("parent")) printf("%d %d", getpid(), getppid());
    else if (IS("hostname")) {
        struct utsname names;
        uname(&names);
        printf("%s %s", names.nodename, names.domainname);
    } else if (IS("dumpable")) printf("%d", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    else if (IS("cwd")) printf("%s", getcwd((char[4096]){0}, 4096));
    else if (IS("environment")) for (char **entry = environ; *entry; entry++) printf("%s ", *entry);
    else if (IS("link")) printf("%s", readlink(operand, (char[4096]){0}, 1) < 0 ? "none" : "there");
    else if (IS("namespace")) {
        char path[64], text[64] = {0};
        snprintf(path, sizeof path, "/proc/self/ns/%s", operand);
        printf("%s", readlink(path, text, sizeof text - 1) < 0 ? "none" : text);
    } else if (IS("mode")) {
        struct stat facts;
        if (stat(operand, &facts) != 0) printf("errno %d", errno);
        else printf("%o", facts.st_mode);
    } else if (IS("scatter")) scatter(atoi(operand));
    else if (IS("bomb")) {
        if (fork() == 0)
            bomb();
    }
    else if (IS("reaped")) printf("%d", children_reaped(atoi(operand)));
    else if (IS("pause")) for (;;) pause();
    else if (IS("exit")) exit(atoi(operand));
    else if (IS("die")) raise(atoi(operand));
    else printf("unknown question");
}

int main(int count, char **questions)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < count; i++) {
        char name[64];
        const char *equals = strchr(questions[i], '=');
        size_t length = equals ? (size_t)(equals - questions[i]) : strlen(questions[i]);
        snprintf(name, sizeof name, "%.*s", (int)length, questions[i]);
        printf("%s\t", questions[i]);
        /* What waits or ends here must be announced first. */
        if (strcmp(name, "pause") == 0 || strcmp(name, "exit") == 0 || strcmp(name, "die") == 0) {
            printf("\n");
            fflush(stdout);
        }
        answer(name, equals ? equals + 1 : "");
        printf("\n");
    }
    return 0;
}
