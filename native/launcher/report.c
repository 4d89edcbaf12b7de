/* Frames to the broker on the life socket: {u32 tag, u64 length} and the payload. Each is one sendmsg that never
 * blocks: a broker that does not read must not hold pid 1 up. */
#include "launcher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FRAME_HEADER = 12, FAILED_FIXED = 12, DETAIL_SIZE = 4608 };

static int failed_errno;
static char failed_detail[DETAIL_SIZE];

int failure(const char *what, const char *name)
{
    failed_errno = errno;
    if (name == NULL)
        snprintf(failed_detail, sizeof failed_detail, "%s", what);
    else
        snprintf(failed_detail, sizeof failed_detail, "%s: %s", what, name);
    return -1;
}

static int send_frame(const struct launch *launch, uint32_t tag, const void *payload, uint64_t size, int fd)
{
    unsigned char header[FRAME_HEADER];
    memcpy(header, &tag, sizeof tag);
    memcpy(header + sizeof tag, &size, sizeof size);
    struct iovec parts[2] = {{header, sizeof header}, {(void *)payload, size}};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        control.header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
        message.msg_control = &control;
        message.msg_controllen = sizeof control.room;
    }
    ssize_t sent = sendmsg(launch->life, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == (ssize_t)(sizeof header + size))
        return 0;
    if (sent >= 0)
        errno = EMSGSIZE;
    return -1;
}

void report_failed(const struct launch *launch)
{
    unsigned char payload[FAILED_FIXED + DETAIL_SIZE];
    uint32_t length = (uint32_t)strlen(failed_detail);
    memcpy(payload, &launch->index, 4);
    memcpy(payload + 4, &launch->op, 4);
    memcpy(payload + 8, &failed_errno, 4);
    memcpy(payload + FAILED_FIXED, failed_detail, length);
    /* There is nobody else to tell: if this fails the broker sees the end of the socket and of the process. */
    (void)send_frame(launch, SALLYPORT_TAG_FAILED, payload, FAILED_FIXED + length, -1);
}

int report_process(const struct launch *launch, uint32_t tag, int fd)
{
    return send_frame(launch, tag, NULL, 0, fd);
}

int report_executed(const struct launch *launch)
{
    return send_frame(launch, SALLYPORT_TAG_EXECUTED, NULL, 0, -1);
}

int report_exited(const struct launch *launch, int status)
{
    return send_frame(launch, SALLYPORT_TAG_EXITED, &status, sizeof status, -1);
}

void leave(int code)
{
    for (;;)
        syscall(SYS_exit_group, code);
}
