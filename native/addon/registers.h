#pragma once

#include <sys/types.h>

#include "thread_hold.h"

namespace sallyport {

// Of a thread that is in a ptrace stop of the caller's. 0 or an errno; EOPNOTSUPP on a 32-bit thread.
int ReadRegisters(pid_t tid, Registers* registers);

}  // namespace sallyport
