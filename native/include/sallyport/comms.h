/* Comms for a program that is not Node: typed values, fds and shared memory, to and from the broker that launched it.
 *
 *     struct sallyport_comms comms;
 *     int32_t width;
 *     if (!sallyport_open(&comms)) return 1;
 *     if (!sallyport_recv_int32(&comms, &width)) return 1;
 *     sallyport_send_string(&comms, "hello");
 *
 * Everything blocks, and nothing allocates. A function returns false on failure: errno then says why (EPROTO: something else
 * came than was asked for; EMSGSIZE: it does not fit; EPIPE or ECONNRESET: the broker is gone), and after any failure but
 * EMSGSIZE nothing more can be said on this channel. Not for several threads at once.
 *
 * Syscalls: sendmsg and recvmsg on the comms fd; for shared buffers mmap with MAP_SHARED, munmap and close; for received
 * fds whatever is done with them. */
#ifndef SALLYPORT_COMMS_H
#define SALLYPORT_COMMS_H

#ifndef _GNU_SOURCE
#error "define _GNU_SOURCE before the first header: MSG_CMSG_CLOEXEC needs it"
#endif

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "constants.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the frames are little-endian, and so must this machine be"
#endif

struct sallyport_comms {
    int fd;
    /* The header that was read and whose payload was not: see sallyport_next(). */
    bool announced;
    uint32_t tag;
    uint64_t length;
    /* The fd that came with it, the caller's once it is received; -1: none. */
    int passed;
    uint32_t last_request;
};

enum sallyport_mode { SALLYPORT_READ_ONLY = 0, SALLYPORT_WRITABLE = 1, SALLYPORT_UNSAFE = 2 };

/* Memory of the broker's, mapped here. Writing to SALLYPORT_READ_ONLY memory ends the process. */
struct sallyport_buffer {
    void *bytes;
    uint64_t size;
    uint32_t id;
    uint32_t mode;
    int fd;
};

/* Finding things ------------------------------------------------------------------------------------------ */

/* A decimal number that ends at `end`, or -1. */
static inline int sallyport_number(const char *text, char end)
{
    int number = 0;
    if (*text < '0' || *text > '9')
        return -1;
    for (; *text >= '0' && *text <= '9' && number < SALLYPORT_FD_NUMBERS; text++)
        number = number * 10 + (*text - '0');
    return *text == end || *text == '\0' ? number : -1;
}

/* False: this program was not launched by sallyport. */
static inline bool sallyport_open(struct sallyport_comms *comms)
{
    const char *number = getenv(SALLYPORT_COMMS_VARIABLE);
    *comms = (struct sallyport_comms){.passed = -1};
    comms->fd = number == NULL ? SALLYPORT_COMMS_FD : sallyport_number(number, '\0');
    if (comms->fd >= 0)
        return true;
    errno = EINVAL;
    return false;
}

/* The number of an fd that the executor declared by this name, or -1. */
static inline int sallyport_fd(const char *name)
{
    const char *names = getenv(SALLYPORT_FDS_VARIABLE);
    size_t length = strlen(name);
    while (names != NULL && *names != '\0') {
        if (strncmp(names, name, length) == 0 && names[length] == ':')
            return sallyport_number(names + length + 1, ',');
        names = strchr(names, ',');
        if (names != NULL)
            names++;
    }
    errno = ENOENT;
    return -1;
}

/* Frames -------------------------------------------------------------------------------------------------- */

static inline bool sallyport_send_frame(struct sallyport_comms *comms, uint32_t tag, const void *payload, uint64_t size,
                                        int fd)
{
    unsigned char header[12];
    memcpy(header, &tag, sizeof tag);
    memcpy(header + sizeof tag, &size, sizeof size);
    struct iovec parts[2] = {{header, sizeof header}, {(void *)payload, (size_t)size}};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = size == 0 ? 1 : 2};
    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        control.header.cmsg_len = CMSG_LEN(sizeof fd);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
        message.msg_control = &control;
        message.msg_controllen = sizeof control.room;
    }
    while (message.msg_iovlen > 0) {
        ssize_t sent = sendmsg(comms->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        /* It goes with the first byte, once. */
        message.msg_control = NULL;
        message.msg_controllen = 0;
        while (message.msg_iovlen > 0 && (size_t)sent >= message.msg_iov[0].iov_len) {
            sent -= (ssize_t)message.msg_iov[0].iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (message.msg_iovlen > 0) {
            message.msg_iov[0].iov_base = (char *)message.msg_iov[0].iov_base + sent;
            message.msg_iov[0].iov_len -= (size_t)sent;
        }
    }
    return true;
}

/* A frame has one fd. Room for one is rounded up, and so has room for two: whatever comes is closed but for the last. */
static inline void sallyport_keep_last(struct sallyport_comms *comms, const unsigned char *fds, size_t size)
{
    for (; size >= sizeof(int); fds += sizeof(int), size -= sizeof(int)) {
        if (comms->passed >= 0)
            close(comms->passed);
        memcpy(&comms->passed, fds, sizeof comms->passed);
    }
}

/* Exactly `size` bytes, and the fd that came with them, where there is one. */
static inline bool sallyport_read(struct sallyport_comms *comms, void *bytes, uint64_t size)
{
    char *at = (char *)bytes;
    while (size > 0) {
        union {
            struct cmsghdr header;
            char room[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec part = {at, (size_t)size};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.room};
        ssize_t got = recvmsg(comms->fd, &message, MSG_CMSG_CLOEXEC);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = ECONNRESET;
        if (got <= 0)
            return false;
        const struct cmsghdr *found = CMSG_FIRSTHDR(&message);
        if (found != NULL && found->cmsg_type == SCM_RIGHTS)
            sallyport_keep_last(comms, CMSG_DATA(found), found->cmsg_len - CMSG_LEN(0));
        at += got;
        size -= (uint64_t)got;
    }
    return true;
}

/* What comes next: its tag and the length of its payload. Asking again says the same until it is received. */
static inline bool sallyport_next(struct sallyport_comms *comms, uint32_t *tag, uint64_t *length)
{
    unsigned char header[12];
    if (!comms->announced) {
        if (!sallyport_read(comms, header, sizeof header))
            return false;
        memcpy(&comms->tag, header, sizeof comms->tag);
        memcpy(&comms->length, header + sizeof comms->tag, sizeof comms->length);
        comms->announced = true;
    }
    *tag = comms->tag;
    *length = comms->length;
    return true;
}

/* The next payload, if it has this tag and fits; *size is how long it is, also when it does not fit. */
static inline bool sallyport_recv_tlv(struct sallyport_comms *comms, uint32_t tag, void *bytes, uint64_t room,
                                      uint64_t *size)
{
    uint32_t came;
    if (!sallyport_next(comms, &came, size))
        return false;
    if (came != tag || *size > room) {
        errno = came != tag ? EPROTO : EMSGSIZE;
        return false;
    }
    comms->announced = false;
    return sallyport_read(comms, bytes, *size);
}

static inline bool sallyport_recv_fixed(struct sallyport_comms *comms, uint32_t tag, void *value, uint64_t size)
{
    uint64_t came = 0;
    if (!sallyport_recv_tlv(comms, tag, value, size, &came))
        return false;
    if (came == size)
        return true;
    errno = EPROTO;
    return false;
}

/* User tags are below SALLYPORT_FIRST_RESERVED_TAG. */
static inline bool sallyport_send_tlv(struct sallyport_comms *comms, uint32_t tag, const void *bytes, uint64_t size)
{
    return sallyport_send_frame(comms, tag, bytes, size, -1);
}

/* Values -------------------------------------------------------------------------------------------------- */

#define SALLYPORT_SCALAR(name, type, TAG)                                                                              \
    static inline bool sallyport_send_##name(struct sallyport_comms *comms, type value)                                \
    {                                                                                                                  \
        return sallyport_send_frame(comms, SALLYPORT_TAG_##TAG, &value, sizeof value, -1);                             \
    }                                                                                                                  \
    static inline bool sallyport_recv_##name(struct sallyport_comms *comms, type *value)                               \
    {                                                                                                                  \
        return sallyport_recv_fixed(comms, SALLYPORT_TAG_##TAG, value, sizeof *value);                                 \
    }

SALLYPORT_SCALAR(int8, int8_t, INT8)
SALLYPORT_SCALAR(uint8, uint8_t, UINT8)
SALLYPORT_SCALAR(int16, int16_t, INT16)
SALLYPORT_SCALAR(uint16, uint16_t, UINT16)
SALLYPORT_SCALAR(int32, int32_t, INT32)
SALLYPORT_SCALAR(uint32, uint32_t, UINT32)
SALLYPORT_SCALAR(int64, int64_t, INT64)
SALLYPORT_SCALAR(uint64, uint64_t, UINT64)
#undef SALLYPORT_SCALAR

static inline bool sallyport_send_bool(struct sallyport_comms *comms, bool value)
{
    unsigned char byte = value ? 1 : 0;
    return sallyport_send_frame(comms, SALLYPORT_TAG_BOOL, &byte, 1, -1);
}

static inline bool sallyport_recv_bool(struct sallyport_comms *comms, bool *value)
{
    unsigned char byte = 0;
    if (!sallyport_recv_fixed(comms, SALLYPORT_TAG_BOOL, &byte, 1))
        return false;
    *value = byte != 0;
    return true;
}

/* UTF-8; NUL bytes are as good as any. */
static inline bool sallyport_send_text(struct sallyport_comms *comms, const char *text, uint64_t size)
{
    return sallyport_send_frame(comms, SALLYPORT_TAG_STRING, text, size, -1);
}

static inline bool sallyport_send_string(struct sallyport_comms *comms, const char *text)
{
    return sallyport_send_text(comms, text, strlen(text));
}

/* A NUL is put behind it, which `room` must have a place for. */
static inline bool sallyport_recv_string(struct sallyport_comms *comms, char *text, uint64_t room, uint64_t *size)
{
    if (room == 0) {
        errno = EMSGSIZE;
        return false;
    }
    if (!sallyport_recv_tlv(comms, SALLYPORT_TAG_STRING, text, room - 1, size))
        return false;
    text[*size] = '\0';
    return true;
}

static inline bool sallyport_send_bytes(struct sallyport_comms *comms, const void *bytes, uint64_t size)
{
    return sallyport_send_frame(comms, SALLYPORT_TAG_BYTES, bytes, size, -1);
}

static inline bool sallyport_recv_bytes(struct sallyport_comms *comms, void *bytes, uint64_t room, uint64_t *size)
{
    return sallyport_recv_tlv(comms, SALLYPORT_TAG_BYTES, bytes, room, size);
}

/* File descriptors ---------------------------------------------------------------------------------------- */

static inline int sallyport_take_passed(struct sallyport_comms *comms)
{
    int fd = comms->passed;
    comms->passed = -1;
    return fd;
}

/* The caller keeps its own. */
static inline bool sallyport_send_fd(struct sallyport_comms *comms, int fd)
{
    return sallyport_send_frame(comms, SALLYPORT_TAG_FD, NULL, 0, fd);
}

/* Close-on-exec, and the caller's to close. */
static inline bool sallyport_recv_fd(struct sallyport_comms *comms, int *fd)
{
    if (!sallyport_recv_fixed(comms, SALLYPORT_TAG_FD, NULL, 0))
        return false;
    *fd = sallyport_take_passed(comms);
    if (*fd >= 0)
        return true;
    errno = EPROTO;
    return false;
}

/* Shared buffers: owned by one side at a time; sending one moves it ---------------------------------------- */

struct sallyport_facts {
    uint32_t id, mode;
    uint64_t size;
};

static inline bool sallyport_map(struct sallyport_comms *comms, const struct sallyport_facts *facts,
                                 struct sallyport_buffer *buffer)
{
    int protection = facts->mode == SALLYPORT_READ_ONLY ? PROT_READ : PROT_READ | PROT_WRITE;
    *buffer = (struct sallyport_buffer){
        .size = facts->size, .id = facts->id, .mode = facts->mode, .fd = sallyport_take_passed(comms)};
    if (buffer->fd < 0) {
        errno = EPROTO;
        return false;
    }
    buffer->bytes = mmap(NULL, (size_t)buffer->size, protection, MAP_SHARED, buffer->fd, 0);
    if (buffer->bytes != MAP_FAILED)
        return true;
    int error = errno;
    close(buffer->fd);
    (void)sallyport_send_frame(comms, SALLYPORT_TAG_BUFFER_RELEASE, &buffer->id, sizeof buffer->id, -1);
    errno = error;
    return false;
}

/* Only the broker makes buffers. ENOSPC: the limit of this sandboxee is used up. */
static inline bool sallyport_request_buffer(struct sallyport_comms *comms, uint64_t size, enum sallyport_mode mode,
                                            struct sallyport_buffer *buffer)
{
    struct sallyport_facts request = {.id = ++comms->last_request, .mode = mode, .size = size};
    unsigned char grant[4 + sizeof(struct sallyport_facts)];
    struct sallyport_facts facts;
    uint32_t tag;
    uint64_t length;
    if (!sallyport_send_frame(comms, SALLYPORT_TAG_BUFFER_REQUEST, &request, sizeof request, -1) ||
        !sallyport_next(comms, &tag, &length))
        return false;
    if (tag == SALLYPORT_TAG_BUFFER_REFUSAL) {
        if (!sallyport_recv_fixed(comms, tag, grant, 16))
            return false;
        errno = ENOSPC;
        return false;
    }
    if (!sallyport_recv_fixed(comms, SALLYPORT_TAG_BUFFER_GRANT, grant, sizeof grant))
        return false;
    memcpy(&facts, grant + 4, sizeof facts);
    return sallyport_map(comms, &facts, buffer);
}

static inline bool sallyport_recv_buffer(struct sallyport_comms *comms, struct sallyport_buffer *buffer)
{
    struct sallyport_facts facts;
    if (!sallyport_recv_fixed(comms, SALLYPORT_TAG_SHARED_BUFFER, &facts, sizeof facts))
        return false;
    return sallyport_map(comms, &facts, buffer);
}

static inline void sallyport_unmap(struct sallyport_buffer *buffer)
{
    munmap(buffer->bytes, (size_t)buffer->size);
    buffer->bytes = NULL;
}

/* It is the broker's from here on, also when this fails. */
static inline bool sallyport_send_buffer(struct sallyport_comms *comms, struct sallyport_buffer *buffer)
{
    struct sallyport_facts facts = {.id = buffer->id, .mode = buffer->mode, .size = buffer->size};
    sallyport_unmap(buffer);
    bool sent = sallyport_send_frame(comms, SALLYPORT_TAG_SHARED_BUFFER, &facts, sizeof facts, buffer->fd);
    int error = errno;
    close(buffer->fd);
    errno = error;
    return sent;
}

static inline bool sallyport_release_buffer(struct sallyport_comms *comms, struct sallyport_buffer *buffer)
{
    sallyport_unmap(buffer);
    close(buffer->fd);
    return sallyport_send_frame(comms, SALLYPORT_TAG_BUFFER_RELEASE, &buffer->id, sizeof buffer->id, -1);
}

#endif
