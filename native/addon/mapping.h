// Shared memory as ArrayBuffers that can be taken back at once.
#pragma once

#include <napi.h>

namespace sallyport {

// Defines map(fd, length, writable) and unmap(buffer) on `exports`.
void DefineMapping(Napi::Env env, Napi::Object exports);

}  // namespace sallyport
