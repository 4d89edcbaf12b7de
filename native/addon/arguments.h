// Checks on what JavaScript passes: each throws a TypeError or RangeError that names the argument.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "owned_fds.h"

namespace sallyport {

// As SCM_MAX_FD in the kernel: one message carries no more.
constexpr size_t kMaxFdsPerMessage = 253;

// Points into a JavaScript buffer: valid until JavaScript runs again.
struct Bytes {
  uint8_t* data;
  size_t length;
};

int FdArgument(const Napi::Value& value, const char* name);
int64_t IntegerArgument(const Napi::Value& value, const char* name, int64_t least, int64_t most);
bool BooleanArgument(const Napi::Value& value, const char* name);
Napi::Function FunctionArgument(const Napi::Value& value, const char* name);
Napi::Object ObjectArgument(const Napi::Value& value, const char* name);

// Refuses a NUL inside, which the kernel would take for the end.
std::string TextArgument(const Napi::Value& value, const char* name, size_t maxLength);
std::vector<std::string> TextListArgument(const Napi::Value& value, const char* name, size_t maxCount,
                                          size_t maxLength);
std::vector<int> FdListArgument(const Napi::Value& value, const char* name, size_t maxCount);

// A Uint8Array whose buffer is attached.
Bytes BytesArgument(const Napi::Value& value, const char* name);

// Takes every fd of the list, also when it then throws: whatever was named is closed on the way out.
OwnedFds TakeFdsArgument(const Napi::Value& value, const char* name);

}  // namespace sallyport
