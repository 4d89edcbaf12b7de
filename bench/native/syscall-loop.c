/* How long a syscall takes: syscall-loop CALLS NUMBER ARGUMENT ARGUMENT [FILTER…]. Installs the filters (files of struct
 * sock_filter) in that order, makes the call with its two arguments over and over, and prints the nanoseconds of one: the
 * median over slices, which an interruption does not move. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SLICES = 101 };

static struct sock_filter instructions[BPF_MAXINSNS];

static bool install(const char *path)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = read(file, instructions, sizeof instructions);
    close(file);
    if (size <= 0)
        return false;
    const struct sock_fprog filter = {(unsigned short)((size_t)size / sizeof *instructions), instructions};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time); /* of the vDSO: no syscall */
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double measure(long calls, const long *call)
{
    double slices[SLICES];
    for (int slice = -1; slice < SLICES; slice++) {
        const double start = now();
        for (long i = 0; i < calls; i++)
            syscall(call[0], call[1], call[2]);
        if (slice >= 0)
            slices[slice] = (now() - start) / (double)calls;
    }
    qsort(slices, SLICES, sizeof *slices, by_value);
    return slices[SLICES / 2];
}

int main(int argc, char **argv)
{
    if (argc < 5 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return 2;
    const long call[] = {strtol(argv[2], NULL, 0), strtol(argv[3], NULL, 0), strtol(argv[4], NULL, 0)};
    printf(" "); /* the buffer is allocated before the filters */
    for (int i = 5; i < argc; i++)
        if (!install(argv[i]))
            return 3;
    printf("%f\n", measure(strtol(argv[1], NULL, 0) / SLICES, call));
    return 0;
}
