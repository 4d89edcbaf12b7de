#pragma once

#include <napi.h>
#include <sys/stat.h>

namespace sallyport {

// fstat(2) and no other: glibc 2.33 to 2.38 make newfstatat of fstat(3), and no filter can see that its path is empty, so
// that it is refused inside a sandboxee.
int StatFd(int fd, struct stat* facts);

// Defines duplicate(fd), close(fd) and describe(fd) on `exports`.
void DefineDescriptors(Napi::Env env, Napi::Object exports);

}  // namespace sallyport
