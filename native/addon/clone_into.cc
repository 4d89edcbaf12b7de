#include "clone_into.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

namespace sallyport {
namespace {

constexpr uint64_t kIntoCgroup = 0x200000000;

// struct clone_args of linux/sched.h as of 5.7, which not every libc's headers bring.
struct CloneArguments {
  uint64_t flags;
  uint64_t pidfd;
  uint64_t childTid;
  uint64_t parentTid;
  uint64_t exitSignal;
  uint64_t stack;
  uint64_t stackSize;
  uint64_t tls;
  uint64_t setTid;
  uint64_t setTidSize;
  uint64_t cgroup;
};

// The child begins behind the call, on an empty stack: from there on it may use nothing of the caller's frame, which is why
// this is no C++. It keeps the registers, and by the convention of calls these two survive until `body` is called.
#if defined(__x86_64__)
long RawClone3(CloneArguments* arguments, int (*body)(void*), void* argument) {
  register int (*theBody)(void*) __asm__("r12") = body;
  register void* theArgument __asm__("r13") = argument;
  long result = SYS_clone3;
  __asm__ volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xorl %%ebp, %%ebp\n\t"
      "movq %%r13, %%rdi\n\t"
      "callq *%%r12\n\t"
      "movl %%eax, %%edi\n\t"
      "movl %[exit], %%eax\n\t"
      "syscall\n\t"
      "hlt\n"
      "1:"
      : "+a"(result)
      : "D"(arguments), "S"(sizeof *arguments), "r"(theBody), "r"(theArgument), [exit] "i"(SYS_exit)
      : "rcx", "r11", "memory", "cc");
  return result;
}
#elif defined(__aarch64__)
long RawClone3(CloneArguments* arguments, int (*body)(void*), void* argument) {
  register int (*theBody)(void*) __asm__("x19") = body;
  register void* theArgument __asm__("x20") = argument;
  register long number __asm__("x8") = SYS_clone3;
  register long result __asm__("x0") = long(arguments);
  register long size __asm__("x1") = sizeof *arguments;
  __asm__ volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, #0\n\t"
      "mov x30, #0\n\t"
      "mov x0, x20\n\t"
      "blr x19\n\t"
      "mov x8, %[exit]\n\t"
      "svc #0\n\t"
      "brk #1\n"
      "1:"
      : "+r"(result)
      : "r"(number), "r"(size), "r"(theBody), "r"(theArgument), [exit] "i"(SYS_exit)
      : "memory", "cc");
  return result;
}
#else
#error "clone3 with a stack of the child's own is written for x86-64 and arm64"
#endif

}  // namespace

pid_t CloneIntoGroup(const CloneInto& wanted, int (*body)(void*), void* argument) {
  CloneArguments arguments{};
  arguments.flags = wanted.flags | kIntoCgroup;
  arguments.pidfd = reinterpret_cast<uintptr_t>(wanted.pidfd);
  arguments.stack = reinterpret_cast<uintptr_t>(wanted.stack);
  arguments.stackSize = wanted.stackBytes;
  arguments.cgroup = uint64_t(wanted.group);
  const long result = RawClone3(&arguments, body, argument);
  if (result >= 0) return pid_t(result);
  errno = int(-result);
  return -1;
}

// No fd has such a number, and the kernel looks at that before it begins to make a process, which of Node takes a
// millisecond. Before 5.7 the structure is too long for it (E2BIG).
bool CanCloneIntoGroup() {
  CloneArguments arguments{};
  arguments.flags = kIntoCgroup;
  arguments.cgroup = 0x80000000;
  return syscall(SYS_clone3, &arguments, sizeof arguments) < 0 && errno == EINVAL;
}

}  // namespace sallyport
