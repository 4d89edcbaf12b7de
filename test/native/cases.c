/* One thing that a policy decides on, by name. Exits with 0 where it went well, else with the errno; 200: no such case. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int errno_unless(int worked)
{
    return worked ? 0 : errno;
}

static int write_to(int fd)
{
    return errno_unless(write(fd, "x", 1) == 1);
}

/* One page, with the protection that the case names. */
static int protect(int protection)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? errno : errno_unless(mprotect(page, 4096, protection) == 0);
}

static int allocate(void)
{
    for (size_t size = 1; size <= 16u << 20; size *= 2) {
        char *a = malloc(size), *b = calloc(size, 1);
        if (a == NULL || b == NULL)
            return ENOMEM;
        memset(a, 1, size);
        a = realloc(a, size * 2);
        if (a == NULL)
            return ENOMEM;
        free(a);
        free(b);
    }
    return 0;
}

static int timer(int how)
{
    struct sigevent event = {.sigev_notify = how, .sigev_signo = SIGUSR1};
    struct itimerspec soon = {.it_value = {.tv_nsec = 1}};
    sigset_t awaited;
    timer_t id;
    if (how == SIGEV_THREAD_ID)
        event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGUSR1);
    sigprocmask(SIG_BLOCK, &awaited, NULL);
    if (timer_create(CLOCK_MONOTONIC, &event, &id) != 0 || timer_settime(id, 0, &soon, NULL) != 0)
        return errno;
    if (how == SIGEV_SIGNAL || how == SIGEV_THREAD_ID) {
        int number;
        if (sigwait(&awaited, &number) != 0 || number != SIGUSR1)
            return EIO;
    }
    return errno_unless(timer_delete(id) == 0);
}

static void ring(union sigval value)
{
    (void)write(*(int *)value.sival_ptr, "r", 1);
}

static int thread_timer(void)
{
    int bell[2];
    char byte;
    timer_t id;
    if (pipe(bell) != 0)
        return errno;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = ring, .sigev_value.sival_ptr = &bell[1]};
    struct itimerspec soon = {.it_value = {.tv_nsec = 1}};
    if (timer_create(CLOCK_MONOTONIC, &event, &id) != 0 || timer_settime(id, 0, &soon, NULL) != 0)
        return errno;
    return errno_unless(read(bell[0], &byte, 1) == 1);
}

static int show_ids(void)
{
    printf("%d %d\n", getuid(), getgid());
    return fflush(stdout);
}

static int map(int protection, int flags)
{
    return errno_unless(mmap(NULL, 4096, protection, flags, -1, 0) != MAP_FAILED);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static __thread int own;
static int arrived;

static void *arrive(void *number)
{
    own = *(int *)number;
    pthread_mutex_lock(&lock);
    arrived += own;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return &own == number ? NULL : number;
}

/* Mutex, condition, thread-local variable, result, join. */
static int threads(void)
{
    pthread_t all[8];
    int numbers[8];
    for (int i = 0; i < 8; i++) {
        numbers[i] = 1 << i;
        int failed = pthread_create(&all[i], NULL, arrive, &numbers[i]);
        if (failed != 0)
            return failed;
    }
    pthread_mutex_lock(&lock);
    while (arrived != 255)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < 8; i++) {
        void *result;
        if (pthread_join(all[i], &result) != 0 || result != &numbers[i])
            return EINVAL;
    }
    return own;
}

static int show(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    puts(path);
    return strcmp(path, "/proc") == 0 ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
}

/* Every path that there is, but for what is in /proc. */
static int walk(void)
{
    return nftw("/", show, 16, FTW_PHYS | FTW_ACTIONRETVAL) == 0 ? fflush(stdout) : errno;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const int number = argc > 2 ? atoi(argv[2]) : 0;
    if (strcmp(name, "nothing") == 0)
        return 0;
    if (strcmp(name, "write") == 0)
        return write_to(number);
    if (strcmp(name, "protect") == 0)
        return protect(number);
    if (strcmp(name, "map") == 0)
        return map(number, MAP_PRIVATE | MAP_ANONYMOUS);
    if (strcmp(name, "open") == 0)
        return errno_unless(open("/dev/null", O_RDONLY) >= 0);
    if (strcmp(name, "malloc") == 0)
        return allocate();
    if (strcmp(name, "isatty") == 0)
        return isatty(0) ? 0 : errno;
    if (strcmp(name, "set-attributes") == 0)
        return errno_unless(ioctl(0, 0x5402 /* TCSETS */, argv) == 0);
    if (strcmp(name, "timer") == 0)
        return timer(number);
    if (strcmp(name, "thread-timer") == 0)
        return thread_timer();
    if (strcmp(name, "ids") == 0)
        return show_ids();
    if (strcmp(name, "umask") == 0)
        return umask(022) == 022 ? 0 : 1;
    if (strcmp(name, "syscall") == 0)
        return errno_unless(syscall(number, argc > 3 ? atol(argv[3]) : 0, argc > 4 ? atol(argv[4]) : 0, 0, 0, 0, 0) >= 0);
    if (strcmp(name, "speculation") == 0)
        return prctl(PR_GET_SPECULATION_CTRL, number, 0, 0, 0);
    if (strcmp(name, "threads") == 0)
        return threads();
    if (strcmp(name, "walk") == 0)
        return walk();
    if (strcmp(name, "raise") == 0)
        return raise(number);
    return 200;
}
