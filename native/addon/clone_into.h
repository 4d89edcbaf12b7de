// clone3() for a child on a stack of its own in the caller's memory: glibc has one, and exports it not.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace sallyport {

struct CloneInto {
  uint64_t flags;
  int* pidfd;
  void* stack;
  size_t stackBytes;
  // The folder of a control group of version 2, for CLONE_INTO_CGROUP.
  int group;
};

// Runs `body` in the child, and ends it with what that returns. -1 with errno where there is no child.
pid_t CloneIntoGroup(const CloneInto& wanted, int (*body)(void*), void* argument);

// Whether the kernel can, and lets us: before 5.7 it cannot, and what confines containers often refuses clone3.
bool CanCloneIntoGroup();

}  // namespace sallyport
