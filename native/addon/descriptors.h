#pragma once

#include <napi.h>

namespace sallyport {

// Defines duplicate(fd), close(fd) and describe(fd) on `exports`.
void DefineDescriptors(Napi::Env env, Napi::Object exports);

}  // namespace sallyport
