/* A hostile program that was filtered before its first instruction. What it tries is its first argument; it exits with 0
 * where the attempt was refused as it must be, with 1 where it worked, and with 2 where it could not be made. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../../native/include/sallyport/comms.h"

enum { REFUSED = 0, WORKED = 1, FAILED = 2, MOST_WORDS = 7, COMMS = 3, HEADER = 12 };

static char **words;
static int count;
static char memory[MOST_WORDS][65536];

static long word(int index)
{
    return index < count ? strtol(words[index], NULL, 0) : 0;
}

/* A number; `s:` and text; `b:` so many zeros. */
static long value(int index, int room)
{
    const char *text = index < count ? words[index] : "0";
    if (strncmp(text, "s:", 2) == 0)
        return (long)strncpy(memory[room], text + 2, sizeof memory[room] - 1);
    if (strncmp(text, "b:", 2) == 0)
        return (long)memory[room];
    return (long)strtoull(text, NULL, 0);
}

static int make_syscall(void)
{
    long values[MOST_WORDS];
    for (int i = 0; i < MOST_WORDS; i++)
        values[i] = value(i, i);
    syscall(values[0], values[1], values[2], values[3], values[4], values[5], values[6]);
    return WORKED;
}

/* Through the 32-bit door, with the numbers of i386. */
static int make_int80(void)
{
#ifdef __x86_64__
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(word(0)), "b"(0), "c"(0), "d"(0) : "memory", "r8", "r9", "r10", "r11");
#endif
    return WORKED;
}

static int opens(const char *path, int flags)
{
    int fd = open(path, flags);
    if (fd >= 0)
        fprintf(stderr, "opened %s\n", path);
    return fd >= 0;
}

/* What leads to pid 1, to the host, or to more than was given. */
static int look_through_proc(void)
{
    static const char *const reading[] = {"/proc/1/mem",     "/proc/1/environ",   "/proc/1/maps",  "/proc/1/auxv",
                                          "/proc/1/root/etc", "/proc/1/cwd/etc",  "/proc/1/fd/4", "/proc/1/task/1/mem",
                                          "/proc/kcore",     "/proc/kallsyms",    "/proc/sys/kernel/core_pattern",
                                          "/proc/config.gz", "/proc/sysrq-trigger", "/dev/mem",      "/sys/kernel",
                                          "/etc/shadow",     "/proc/self/root/etc/shadow", "/dev/shm", "/proc/keys"};
    static const char *const writing[] = {"/proc/1/oom_score_adj", "/proc/1/comm",     "/proc/self/oom_score_adj",
                                          "/proc/self/uid_map",    "/proc/self/setgroups", "/proc/self/loginuid"};
    char byte;
    int found = 0;
    for (size_t i = 0; i < sizeof reading / sizeof *reading; i++)
        found += opens(reading[i], O_RDONLY);
    for (size_t i = 0; i < sizeof writing / sizeof *writing; i++) {
        int fd = open(writing[i], O_WRONLY);
        if (fd >= 0 && write(fd, "-1000", 5) > 0) {
            fprintf(stderr, "wrote %s\n", writing[i]);
            found++;
        }
    }
    if (open("/proc/self/status", O_RDONLY) < 0 || readlink("/proc/1/exe", &byte, 1) >= 0)
        return FAILED;
    return found > 0 ? WORKED : REFUSED;
}

/* Opens what it was given for reading once more, for writing; and the program that it is. */
static int open_again(void)
{
    char path[64];
    int found = 0;
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, strcmp(words[i], "exe") == 0 ? "/proc/self/exe" : "/proc/self/fd/%s", words[i]);
        if (open(path, O_RDONLY) < 0 && errno != EACCES && errno != EPERM)
            return FAILED;
        found += opens(path, O_WRONLY) + opens(path, O_RDWR) + opens(path, O_WRONLY | O_TRUNC);
        found += truncate(path, 0) == 0;
    }
    return found > 0 ? WORKED : REFUSED;
}

static int raise_limits(void)
{
    static const int resources[] = {RLIMIT_NOFILE, RLIMIT_CORE, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NPROC, RLIMIT_CPU};
    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++) {
        struct rlimit limit, wider;
        if (getrlimit(resources[i], &limit) != 0)
            return FAILED;
        if (limit.rlim_max == RLIM_INFINITY)
            continue;
        wider = (struct rlimit){limit.rlim_max + 1, limit.rlim_max + 1};
        if (setrlimit(resources[i], &wider) == 0)
            return WORKED;
    }
    return REFUSED;
}

static void violate(void)
{
    syscall(SYS_ptrace, 0, 0, 0, 0);
}

static void *violate_in_thread(void *gate)
{
    pthread_barrier_wait(gate);
    violate();
    return NULL;
}

static int violate_at_once(void)
{
    static pthread_barrier_t gate;
    int threads = (int)word(0);
    pthread_barrier_init(&gate, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, violate_in_thread, &gate) != 0)
            return FAILED;
    }
    for (;;)
        pause();
}

/* Each of so many children; they begin together. */
static int violate_in_children(void)
{
    int gate[2];
    char byte;
    if (pipe(gate) != 0)
        return FAILED;
    for (int i = 0; i < word(0); i++) {
        pid_t child = fork();
        if (child < 0)
            return FAILED;
        if (child == 0) {
            close(gate[1]);
            (void)!read(gate[0], &byte, 1);
            violate();
            _exit(0);
        }
    }
    close(gate[1]);
    for (;;)
        pause();
}

static int violate_in_vfork(void)
{
    if (vfork() == 0) {
        violate();
        _exit(0);
    }
    return WORKED;
}

/* A child violates, and its parent kills it as soon as it does, so that the monitor looks at what is no more. */
static int violate_and_die(void)
{
    pid_t child = fork();
    if (child == 0) {
        kill(getpid(), SIGSTOP);
        violate();
        _exit(0);
    }
    waitpid(child, NULL, WUNTRACED);
    kill(child, SIGCONT);
    for (int spin = 0; spin < word(0); spin++)
        __asm__ volatile("" ::: "memory");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (;;)
        pause();
}

/* When it is told to. */
static int violate_later(void)
{
    struct sallyport_comms comms;
    int32_t number;
    if (!sallyport_open(&comms) || !sallyport_recv_int32(&comms, &number))
        return FAILED;
    violate();
    return WORKED;
}

/* A flood of numbers from one thread; another breaks the policy. */
static void *flood(void *unused)
{
    struct sallyport_comms comms;
    if (!sallyport_open(&comms))
        return NULL;
    for (int32_t number = 0; sallyport_send_int32(&comms, number); number++)
        continue;
    return unused;
}

static int violate_in_a_flood(void)
{
    pthread_t thread;
    struct timespec while_it_floods = {0, 50 * 1000 * 1000};
    if (pthread_create(&thread, NULL, flood, NULL) != 0)
        return FAILED;
    nanosleep(&while_it_floods, NULL);
    violate();
    return WORKED;
}

/* Two processes have one channel, and write their frames in pieces. */
static int interleave(void)
{
    pid_t child = fork();
    if (child < 0)
        return FAILED;
    for (unsigned byte = child == 0;; byte++) {
        struct iovec part = {&byte, 1};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        if (sendmsg(COMMS, &message, MSG_NOSIGNAL) < 0)
            for (;;)
                pause();
    }
}

/* One frame, `count` fds with it; all of them `fd`. */
static int send_fds(uint32_t tag, int fd, int number)
{
    unsigned char frame[HEADER + 1] = {0};
    const size_t length = tag == SALLYPORT_TAG_BOOL ? 1 : 0;
    memcpy(frame, &tag, sizeof tag);
    frame[sizeof tag] = (unsigned char)length;
    static union {
        char room[CMSG_SPACE(sizeof(int) * 253)];
        struct cmsghdr align;
    } control;
    struct iovec part = {frame, HEADER + length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
                             .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)number)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)number);
    for (int i = 0; i < number; i++)
        memcpy(CMSG_DATA(header) + sizeof(int) * (size_t)i, &fd, sizeof fd);
    if (sendmsg(COMMS, &message, MSG_NOSIGNAL) < 0)
        return FAILED;
    for (;;)
        pause();
}

static int send_folder(void)
{
    int fd = open("/", (int)word(0) | O_DIRECTORY);
    return fd < 0 ? FAILED : send_fds(SALLYPORT_TAG_FD, fd, 1);
}

static int stop_everything(void)
{
    for (int i = 0; i < word(0); i++)
        if (fork() == 0)
            break;
    for (;;)
        raise(SIGSTOP);
    return FAILED;
}

static int crash(void)
{
    *(volatile int *)16 = 1;
    return WORKED;
}

/* Exchanges two names for as long as it lives: what a sandboxee does in a folder that is its own to write. */
static int swap(void)
{
    for (;;)
        syscall(SYS_renameat2, AT_FDCWD, words[0], AT_FDCWD, words[1], 2 /* RENAME_EXCHANGE */);
    return FAILED;
}

static int signal_pid_1(void)
{
    for (int number = 1; number < NSIG; number++)
        kill(1, number);
    return REFUSED;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*act)(void);
    } attempts[] = {{"syscall", make_syscall},
                    {"int80", make_int80},
                    {"proc", look_through_proc},
                    {"again", open_again},
                    {"limits", raise_limits},
                    {"threads", violate_at_once},
                    {"children", violate_in_children},
                    {"vfork", violate_in_vfork},
                    {"dying", violate_and_die},
                    {"later", violate_later},
                    {"flood", violate_in_a_flood},
                    {"interleave", interleave},
                    {"folder", send_folder},
                    {"stop", stop_everything},
                    {"crash", crash},
                    {"swap", swap},
                    {"signals", signal_pid_1}};
    if (argc < 2)
        return FAILED;
    words = argv + 2;
    count = argc - 2;
    if (strcmp(argv[1], "fds") == 0)
        return send_fds(word(0) == 0 ? SALLYPORT_TAG_BOOL : SALLYPORT_TAG_FD, (int)word(1), (int)word(2));
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        if (strcmp(argv[1], attempts[i].name) == 0)
            return attempts[i].act();
    return FAILED;
}
