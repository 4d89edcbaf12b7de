#include "registers.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include <cerrno>

namespace sallyport {

int ReadRegisters(pid_t tid, Registers* registers) {
  user_regs_struct all{};
  iovec target{&all, sizeof all};
  if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &target) < 0) return errno;
  // The kernel fills in fewer bytes for a thread in 32-bit mode.
  if (target.iov_len != sizeof all) return EOPNOTSUPP;
#if defined(__x86_64__)
  *registers = {all.rip, all.rsp, all.rbp};
#elif defined(__aarch64__)
  *registers = {all.pc, all.sp, all.regs[29]};
#else
#error "no such architecture"
#endif
  return 0;
}

}  // namespace sallyport
