/* A program that does what its arguments say, one after the other; each talks to the broker through the C client. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>

#include "../../native/include/sallyport/comms.h"

static struct sallyport_comms comms;
static char room[1 << 20];

/* Sends back whatever comes, one value of each type, until a bool that says that it is enough. */
static bool echo(void)
{
    int8_t i8;
    uint8_t u8;
    int16_t i16;
    uint16_t u16;
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64, size;
    bool go_on;
    return sallyport_recv_int8(&comms, &i8) && sallyport_send_int8(&comms, i8) && sallyport_recv_uint8(&comms, &u8) &&
           sallyport_send_uint8(&comms, u8) && sallyport_recv_int16(&comms, &i16) && sallyport_send_int16(&comms, i16) &&
           sallyport_recv_uint16(&comms, &u16) && sallyport_send_uint16(&comms, u16) &&
           sallyport_recv_int32(&comms, &i32) && sallyport_send_int32(&comms, i32) &&
           sallyport_recv_uint32(&comms, &u32) && sallyport_send_uint32(&comms, u32) &&
           sallyport_recv_int64(&comms, &i64) && sallyport_send_int64(&comms, i64) &&
           sallyport_recv_uint64(&comms, &u64) && sallyport_send_uint64(&comms, u64) &&
           sallyport_recv_string(&comms, room, sizeof room, &size) && sallyport_send_text(&comms, room, size) &&
           sallyport_recv_bytes(&comms, room, sizeof room, &size) && sallyport_send_bytes(&comms, room, size) &&
           sallyport_recv_tlv(&comms, 77, room, sizeof room, &size) && sallyport_send_tlv(&comms, 77, room, size) &&
           sallyport_recv_bool(&comms, &go_on) && sallyport_send_bool(&comms, !go_on);
}

/* Reads a received file, and sends it back. */
static bool files(void)
{
    int fd;
    if (!sallyport_recv_fd(&comms, &fd))
        return false;
    ssize_t size = pread(fd, room, sizeof room, 0);
    bool sent = size >= 0 && sallyport_send_text(&comms, room, (uint64_t)size) && sallyport_send_fd(&comms, fd);
    close(fd);
    return sent;
}

/* Fills a buffer that it asks for with the bytes of one that it is sent, and gives both back. */
static bool buffers(void)
{
    struct sallyport_buffer source, target;
    if (!sallyport_recv_buffer(&comms, &source))
        return false;
    if (!sallyport_request_buffer(&comms, source.size, SALLYPORT_WRITABLE, &target))
        return false;
    for (uint64_t i = 0; i < source.size; i++)
        ((unsigned char *)target.bytes)[i] = ((const unsigned char *)source.bytes)[i] ^ 0xff;
    return sallyport_release_buffer(&comms, &source) && sallyport_send_buffer(&comms, &target);
}

static bool greedy(void)
{
    struct sallyport_buffer buffer;
    bool granted = sallyport_request_buffer(&comms, 1ull << 40, SALLYPORT_WRITABLE, &buffer);
    return sallyport_send_int32(&comms, granted ? 0 : errno);
}

/* What comes is no int8, and longer than there is room for; both leave the channel in step. */
static bool mismatch(void)
{
    int8_t byte;
    char little[4];
    uint64_t size;
    bool wrong = !sallyport_recv_int8(&comms, &byte) && errno == EPROTO;
    bool large = !sallyport_recv_string(&comms, little, sizeof little, &size) && errno == EMSGSIZE;
    return wrong && large && sallyport_recv_string(&comms, room, sizeof room, &size) &&
           sallyport_send_text(&comms, room, size);
}

/* The numbers that are open here, whatever they are. */
static bool numbers(void)
{
    size_t at = 0;
    for (int fd = 0; fd < 1024; fd++)
        if (lseek(fd, 0, SEEK_CUR) >= 0 || errno != EBADF)
            at += (size_t)snprintf(room + at, sizeof room - at, "%d ", fd);
    return sallyport_send_text(&comms, room, at);
}

/* What can be read from that fd, or why nothing can. */
static bool numbered(int fd)
{
    ssize_t size = read(fd, room, sizeof room);
    return size >= 0 ? sallyport_send_text(&comms, room, (uint64_t)size) : sallyport_send_int32(&comms, errno);
}

static bool named(const char *name)
{
    int fd = sallyport_fd(name);
    return fd < 0 ? sallyport_send_int32(&comms, errno) : numbered(fd);
}

static bool writes(const char *name)
{
    int fd = sallyport_fd(name);
    return fd >= 0 && write(fd, "from inside", 11) == 11;
}

int main(int argc, char **argv)
{
    if (!sallyport_open(&comms))
        return 100;
    for (int i = 1; i < argc; i++) {
        const char *what = argv[i];
        bool done = false;
        if (strcmp(what, "echo") == 0)
            done = echo();
        else if (strcmp(what, "files") == 0)
            done = files();
        else if (strcmp(what, "buffers") == 0)
            done = buffers();
        else if (strcmp(what, "greedy") == 0)
            done = greedy();
        else if (strcmp(what, "mismatch") == 0)
            done = mismatch();
        else if (strcmp(what, "numbers") == 0)
            done = numbers();
        else if (strncmp(what, "named:", 6) == 0)
            done = named(what + 6);
        else if (strncmp(what, "number:", 7) == 0)
            done = numbered(atoi(what + 7));
        else if (strncmp(what, "writes:", 7) == 0)
            done = writes(what + 7);
        else if (strncmp(what, "exit:", 5) == 0)
            return atoi(what + 5);
        else if (strcmp(what, "argv0") == 0)
            done = sallyport_send_string(&comms, argv[0]);
        else if (strcmp(what, "cwd") == 0)
            done = syscall(SYS_getcwd, room, sizeof room) > 0 && sallyport_send_string(&comms, room);
        else if (strcmp(what, "again") == 0)
            /* The one exec that begins a program, tried by the program. */
            done = syscall(SYS_execveat, 1, "", argv, argv, 0x1000, SALLYPORT_FIRST_EXEC) == 0;
        else if (strncmp(what, "syscall:", 8) == 0)
            done = sallyport_send_int32(&comms, syscall(atoi(what + 8), 0, 0, 0, 0, 0, 0) < 0 ? errno : 0);
        if (!done)
            return 101;
    }
    return 0;
}
