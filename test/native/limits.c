/* Uses up one thing, as its first argument says, and exits with 0, or with the errno that it was refused with. */
#define _GNU_SOURCE
#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEBIBYTE = 1024 * 1024, PAGE = 4096 };

static void touch(volatile char *memory, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += PAGE)
        memory[i] = 1;
}

static int map(size_t bytes, int touched)
{
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return errno;
    if (touched)
        touch(memory, bytes);
    return 0;
}

static int __attribute__((noinline)) on_the_stack(size_t bytes)
{
    touch(alloca(bytes), bytes);
    return 0;
}

static int write_to(int fd, size_t bytes)
{
    static const char block[PAGE];
    while (bytes > 0) {
        ssize_t written = write(fd, block, bytes < PAGE ? bytes : PAGE);
        if (written < 0)
            return errno;
        bytes -= (size_t)written;
    }
    return 0;
}

static int show(const char *path)
{
    char text[PAGE];
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return errno;
    ssize_t got = read(fd, text, sizeof text);
    return got < 0 || write(1, text, (size_t)got) != got ? errno : 0;
}

static int open_files(int count)
{
    while (count-- > 0)
        if (open("/dev/null", O_RDONLY) < 0)
            return errno;
    return 0;
}

/* Each of them fills its share, and all wait for all. */
static int shared_out(int processes, size_t bytes)
{
    for (int i = 0; i < processes; i++) {
        pid_t child = fork();
        if (child < 0)
            return errno;
        if (child == 0) {
            int refused = map(bytes, 1);
            if (refused)
                _exit(refused);
            pause();
        }
    }
    while (wait(NULL) > 0)
        ;
    return 0;
}

/* A child runs out of memory; the parent does not mind. */
static int in_a_child(size_t bytes)
{
    pid_t child = fork();
    if (child < 0)
        return errno;
    if (child == 0)
        _exit(map(bytes, 1));
    waitpid(child, NULL, 0);
    return 0;
}

/* One after another computes for a moment and ends, with its parent gone: at any time there are few, and all are new. */
static int cpu_by_orphans(void)
{
    for (;;) {
        pid_t child = fork();
        if (child < 0)
            return errno;
        if (child == 0) {
            if (fork() != 0)
                _exit(0);
            for (volatile long i = 0; i < 10000000; i++)
                ;
            _exit(0);
        }
        waitpid(child, NULL, 0);
        usleep(5000);
    }
}

static int processes(int count)
{
    for (int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child < 0)
            return errno;
        if (child == 0)
            for (;;)
                pause();
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    size_t amount = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    if (strcmp(what, "map") == 0)
        return map(amount * MEBIBYTE, 1);
    if (strcmp(what, "reserve") == 0)
        return map(amount * MEBIBYTE, 0);
    if (strcmp(what, "alloca") == 0)
        return on_the_stack(amount * MEBIBYTE);
    if (strcmp(what, "share") == 0)
        return shared_out(8, amount * MEBIBYTE);
    if (strcmp(what, "child") == 0)
        return in_a_child(amount * MEBIBYTE);
    if (strcmp(what, "write") == 0)
        return write_to(1, amount);
    if (strcmp(what, "open") == 0)
        return open_files((int)amount);
    if (strcmp(what, "processes") == 0)
        return processes((int)amount);
    if (strcmp(what, "orphans") == 0)
        return cpu_by_orphans();
    if (strcmp(what, "show") == 0)
        return show(argv[2]);
    if (strcmp(what, "spin") == 0)
        for (;;)
            getppid();
    if (strcmp(what, "abort") == 0)
        abort();
    return 99;
}
