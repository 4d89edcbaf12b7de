#include "remote_memory.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace sallyport {

std::optional<std::string> ReadRemoteText(pid_t tid, uint64_t address, size_t most) {
  static const size_t pageBytes = size_t(sysconf(_SC_PAGESIZE));
  // 0: the task is not visible from our pid namespace. process_vm_readv would take it for ourselves.
  if (tid <= 0) return std::nullopt;
  std::string text;
  while (text.size() < most) {
    // Page by page: a read that reaches into an unmapped page may give nothing of the one before.
    const size_t toPageEnd = pageBytes - size_t(address % pageBytes);
    const size_t wanted = std::min(toPageEnd, most - text.size());
    const size_t before = text.size();
    text.resize(before + wanted);
    const iovec local{text.data() + before, wanted};
    const iovec remote{reinterpret_cast<void*>(uintptr_t(address)), wanted};
    const ssize_t got = process_vm_readv(tid, &local, 1, &remote, 1, 0);
    if (got <= 0) return std::nullopt;
    const void* const end = memchr(text.data() + before, 0, size_t(got));
    if (end != nullptr) {
      text.resize(size_t(static_cast<const char*>(end) - text.data()));
      return text;
    }
    text.resize(before + size_t(got));
    address += size_t(got);
  }
  return text;
}

}  // namespace sallyport
