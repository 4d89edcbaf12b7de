// A program under a filter that its parent chose, and that makes the syscalls that its parent asks for.
//
// fd 3, a unix stream socket, carries: {u32 length, sock_filter[]} in; one byte with the listener out; then orders in and
// an int64 out for each, the last result or -errno.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum { SOCKET = 3, MAX_INSTRUCTIONS = 4096, MAX_PATH = 4200 };

enum { ORDER_SYSCALL = 0, ORDER_I386 = 1 };

struct order {
  uint32_t kind;
  uint32_t repeat;
  int64_t number;
  uint64_t args[6];
  int32_t path_argument; // -1: none
  uint32_t reserved;
  char path[MAX_PATH];
};

static void take(void *into, size_t length) {
  char *at = into;
  while (length > 0) {
    ssize_t got = read(SOCKET, at, length);
    if (got <= 0) _exit(got == 0 ? 0 : 111);
    at += got;
    length -= (size_t)got;
  }
}

static void hand_over(int listener) {
  char byte = 0;
  struct iovec vector = {&byte, 1};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &listener, sizeof listener);
  if (sendmsg(SOCKET, &message, 0) != 1) _exit(112);
}

static int64_t obey(const struct order *order) {
  if (order->kind == ORDER_I386) {
#ifdef __x86_64__
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(order->number) : "memory");
    return result;
#else
    return -ENOSYS;
#endif
  }
  uint64_t a[6];
  memcpy(a, order->args, sizeof a);
  if (order->path_argument >= 0) a[order->path_argument] = (uint64_t)(uintptr_t)order->path;
  long result = syscall(order->number, a[0], a[1], a[2], a[3], a[4], a[5]);
  return result < 0 ? -errno : result;
}

int main(void) {
  static struct sock_filter instructions[MAX_INSTRUCTIONS];
  uint32_t length;
  take(&length, sizeof length);
  if (length > sizeof instructions) return 113;
  take(instructions, length);

  struct sock_fprog program = {(unsigned short)(length / sizeof *instructions), instructions};
  unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return 114;
  int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (listener < 0) return 115;
  hand_over(listener);
  close(listener);

  static struct order order;
  for (;;) {
    take(&order, sizeof order);
    int64_t result = 0;
    for (uint32_t i = 0; i < order.repeat; i++) result = obey(&order);
    if (write(SOCKET, &result, sizeof result) != sizeof result) return 116;
  }
}
