/* What a socketpair takes between two processes: socket-pair ROW SIZE SEVERAL MILLISECONDS CPU CPU. Binds the processes to the
 * CPUs, measures for so long, and prints the median and the 99th percentile in microseconds. ROW: round-trip, pipelined (SEVERAL
 * messages in flight), one-way (of one of SEVERAL), bulk (the other process makes and fills the buffer, this one reads it). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <signal.h>
#include <unistd.h>

enum { SAMPLES = 1 << 20, BYTE = 7 };

static double samples[SAMPLES];
static volatile uint64_t checksum;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double microseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void bind_to(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        fail("sched_setaffinity");
}

/* Ends the process when the other side is gone. */
static void read_all(int socket, char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t count = read(socket, bytes + done, size - done);
        if (count <= 0)
            exit(0);
        done += (size_t)count;
    }
}

static void write_all(int socket, const char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t count = write(socket, bytes + done, size - done);
        if (count <= 0)
            exit(0);
        done += (size_t)count;
    }
}

static void sum(const char *bytes, size_t size)
{
    uint64_t total = 0;
    for (size_t at = 0; at + sizeof total <= size; at += sizeof total) {
        uint64_t word;
        memcpy(&word, bytes + at, sizeof word);
        total += word;
    }
    checksum = total;
}

static char *fresh(size_t size)
{
    char *const bytes = malloc(size);
    if (bytes == NULL)
        fail("malloc");
    memset(bytes, BYTE, size);
    return bytes;
}

static void other_side(const char *row, int socket, size_t size, long several)
{
    char *const bytes = fresh(size);
    for (;;) {
        if (strcmp(row, "bulk") == 0) {
            read_all(socket, bytes, 1);
            char *const made = fresh(size);
            write_all(socket, made, size);
            free(made);
        } else if (strcmp(row, "one-way") == 0) {
            for (long i = 0; i < several; i++)
                read_all(socket, bytes, size);
            write_all(socket, bytes, 1);
        } else {
            read_all(socket, bytes, size);
            write_all(socket, bytes, size);
        }
    }
}

/* `several` messages out and back; neither direction waits for the other, or both sides would with full buffers. */
static void window(int socket, char *bytes, size_t size, long several)
{
    const size_t total = size * (size_t)several;
    size_t sent = 0, received = 0;
    while (received < total) {
        struct pollfd both = {socket, (short)(POLLIN | (sent < total ? POLLOUT : 0)), 0};
        if (poll(&both, 1, -1) < 0)
            fail("poll");
        if (both.revents & POLLOUT) {
            const size_t left = size - sent % size;
            const ssize_t count = send(socket, bytes + sent % size, left, MSG_DONTWAIT);
            if (count < 0 && errno != EAGAIN)
                fail("send");
            sent += count > 0 ? (size_t)count : 0;
        }
        if (both.revents & (POLLIN | POLLHUP)) {
            const ssize_t count = recv(socket, bytes, size, MSG_DONTWAIT);
            if (count == 0 || (count < 0 && errno != EAGAIN))
                fail("recv");
            received += count > 0 ? (size_t)count : 0;
        }
    }
}

static void turn(const char *row, int socket, char *bytes, size_t size, long several)
{
    if (strcmp(row, "bulk") == 0) {
        write_all(socket, bytes, 1);
        read_all(socket, bytes, size);
        sum(bytes, size);
    } else if (strcmp(row, "one-way") == 0) {
        for (long i = 0; i < several; i++)
            write_all(socket, bytes, size);
        read_all(socket, bytes, 1);
    } else if (strcmp(row, "pipelined") == 0) {
        window(socket, bytes, size, several);
    } else {
        write_all(socket, bytes, size);
        read_all(socket, bytes, size);
    }
}

static int by_value(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "socket-pair ROW SIZE SEVERAL MILLISECONDS CPU CPU\n");
        return 2;
    }
    const char *const row = argv[1];
    const size_t size = strtoul(argv[2], NULL, 10);
    const long several = atol(argv[3]);
    const double slice = atof(argv[4]) * 1e3;
    int sockets[2];
    if (size == 0 || several < 1 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0)
        fail("socketpair");
    const pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(sockets[0]);
        bind_to(atoi(argv[6]));
        other_side(row, sockets[1], size, several);
    }
    close(sockets[1]);
    bind_to(atoi(argv[5]));
    char *const bytes = fresh(size);
    const bool parts = strcmp(row, "one-way") == 0 || strcmp(row, "pipelined") == 0;
    turn(row, sockets[0], bytes, size, several);
    const double end = microseconds() + slice;
    long count = 0;
    while (count < SAMPLES && (count < 2 || microseconds() < end)) {
        const double start = microseconds();
        turn(row, sockets[0], bytes, size, several);
        samples[count++] = (microseconds() - start) / (double)(parts ? several : 1);
    }
    qsort(samples, (size_t)count, sizeof *samples, by_value);
    printf("%.3f %.3f\n", samples[count / 2], samples[count * 99 / 100]);
    return 0;
}
