// Shared memory, and ArrayBuffers over it that can be taken back at once.
#pragma once

#include <napi.h>

namespace sallyport {

// Defines the class Mapping(fd, length, writable) on `exports`.
void DefineMapping(Napi::Env env, Napi::Object exports);

// Throws where `fd` is no memfd of at least `length` bytes that nobody can shrink or grow.
void CheckMappable(Napi::Env env, int fd, int64_t length);

}  // namespace sallyport
