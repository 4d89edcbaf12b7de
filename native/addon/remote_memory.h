#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace sallyport {

// The NUL-terminated text at `address` of another process, cut off at `most` bytes; nothing where it cannot be read.
// For reports: its owner can change it at any time.
std::optional<std::string> ReadRemoteText(pid_t tid, uint64_t address, size_t most);

}  // namespace sallyport
