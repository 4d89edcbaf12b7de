/* The C client, asked for all kinds of things while its peer writes whatever bytes: the first of them say what is asked. Every
 * fd that it opens is closed, and nothing is read beyond a message. */
#define _GNU_SOURCE
#include "../../../native/include/sallyport/comms.h"

#include <fcntl.h>
#include <poll.h>

enum { STEPS = 8, ROOM = 64, MOST = 4096, MEMORY = 8192, FDS = 64 };

static int memory = -1;

/* What the peer says, some of it with an fd: a message for each piece. */
static void fill(int fd, const unsigned char *data, size_t size, unsigned char pieces)
{
    size_t piece = pieces % 8 == 0 ? size : (size_t)(pieces % 8) * 7 + 1;
    for (size_t at = 0; at < size; at += piece) {
        size_t length = size - at < piece ? size - at : piece;
        struct iovec part = {(void *)(data + at), length};
        union {
            struct cmsghdr header;
            char room[CMSG_SPACE(2 * sizeof(int))];
        } control = {0};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        int count = (pieces >> 3) % 3;
        if (count > 0) {
            int fds[2] = {memory, memory};
            message.msg_control = &control;
            message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
            control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
            control.header.cmsg_level = SOL_SOCKET;
            control.header.cmsg_type = SCM_RIGHTS;
            memcpy(CMSG_DATA(&control.header), fds, (size_t)count * sizeof(int));
        }
        if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
            abort();
    }
}

static void use_buffer(struct sallyport_comms *comms, struct sallyport_buffer *buffer, bool is_sent)
{
    /* The kernel ends who touches a page beyond the file: the header asks the broker to be honest about the size. */
    if (buffer->size <= MEMORY && *(volatile unsigned char *)buffer->bytes != 0)
        abort();
    (void)(is_sent ? sallyport_send_buffer(comms, buffer) : sallyport_release_buffer(comms, buffer));
}

static bool ask(struct sallyport_comms *comms, unsigned char what)
{
    char room[ROOM];
    int64_t number = 0;
    uint64_t size = 0;
    uint32_t tag;
    int fd;
    bool flag;
    struct sallyport_buffer buffer;
    switch (what % 12) {
    case 0:
        return sallyport_recv_int8(comms, (int8_t *)&number);
    case 1:
        return sallyport_recv_uint16(comms, (uint16_t *)&number);
    case 2:
        return sallyport_recv_int32(comms, (int32_t *)&number);
    case 3:
        return sallyport_recv_int64(comms, &number);
    case 4:
        return sallyport_recv_bool(comms, &flag);
    case 5:
        if (!sallyport_recv_string(comms, room, what < 128 ? ROOM : 1, &size))
            return false;
        if (size >= ROOM || room[size] != '\0')
            abort();
        return true;
    case 6:
        return sallyport_recv_bytes(comms, room, sizeof room, &size);
    case 7:
        if (!sallyport_recv_fd(comms, &fd))
            return false;
        if (fcntl(fd, F_GETFD) != FD_CLOEXEC)
            abort();
        close(fd);
        return true;
    case 8:
        if (!sallyport_recv_buffer(comms, &buffer))
            return false;
        use_buffer(comms, &buffer, what < 128);
        return true;
    case 9:
        if (!sallyport_request_buffer(comms, MEMORY, SALLYPORT_WRITABLE, &buffer))
            return false;
        use_buffer(comms, &buffer, what < 128);
        return true;
    case 10:
        return sallyport_next(comms, &tag, &size);
    default:
        return sallyport_recv_tlv(comms, what, room, sizeof room, &size);
    }
}

/* Of the first numbers: poll() names those that are not open. */
static int count_open(void)
{
    struct pollfd numbers[FDS];
    for (int fd = 0; fd < FDS; fd++)
        numbers[fd] = (struct pollfd){.fd = fd};
    if (poll(numbers, FDS, 0) < 0)
        abort();
    int count = 0;
    for (int fd = 0; fd < FDS; fd++)
        count += (numbers[fd].revents & POLLNVAL) == 0;
    return count;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size < STEPS + 1 || size > MOST)
        return 0;
    if (memory < 0) {
        memory = memfd_create("fuzz", MFD_CLOEXEC);
        if (memory < 0 || ftruncate(memory, MEMORY) != 0)
            abort();
    }
    int before = count_open(), ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        abort();
    fill(ends[1], data + STEPS + 1, size - STEPS - 1, data[STEPS]);
    shutdown(ends[1], SHUT_WR);
    struct sallyport_comms comms = {.fd = ends[0], .passed = -1};
    for (int step = 0; step < STEPS; step++)
        if (!ask(&comms, data[step]) && errno != EMSGSIZE && errno != EPROTO)
            break;
    if (comms.passed >= 0)
        close(comms.passed);
    close(ends[0]);
    close(ends[1]);
    if (count_open() != before)
        abort();
    return 0;
}
