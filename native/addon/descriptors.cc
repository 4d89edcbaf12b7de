#include "descriptors.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "arguments.h"
#include "errors.h"

namespace sallyport {
namespace {

// 0 to 2 are stdio and 3 is comms inside a sandboxee: a duplicate never lands there, even where one of them is free.
constexpr int kFirstFreeFd = 4;

std::string Named(int fd) { return "fd " + std::to_string(fd); }

Napi::Value Duplicate(const Napi::CallbackInfo& info) {
  const int fd = FdArgument(info[0], "fd");
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, kFirstFreeFd);
  if (copy < 0) throw SystemError(info.Env(), errno, "fcntl", "F_DUPFD_CLOEXEC of " + Named(fd));
  return Napi::Number::New(info.Env(), copy);
}

void Close(const Napi::CallbackInfo& info) {
  const int fd = FdArgument(info[0], "fd");
  // EINTR, and every other error but EBADF, leaves the fd closed.
  if (::close(fd) < 0 && errno == EBADF) throw SystemError(info.Env(), EBADF, "close", Named(fd));
}

int SocketDomain(int fd, mode_t mode) {
  if (!S_ISSOCK(mode)) return -1;
  int domain = -1;
  socklen_t size = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 ? domain : -1;
}

Napi::Value Describe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int fd = FdArgument(info[0], "fd");
  struct stat facts;
  if (StatFd(fd, &facts) < 0) throw SystemError(env, errno, "fstat", Named(fd));
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) throw SystemError(env, errno, "fcntl", "F_GETFL of " + Named(fd));

  Napi::Object result = Napi::Object::New(env);
  result.Set("dev", Napi::BigInt::New(env, uint64_t(facts.st_dev)));
  result.Set("ino", Napi::BigInt::New(env, uint64_t(facts.st_ino)));
  result.Set("mode", Napi::Number::New(env, facts.st_mode));
  result.Set("size", Napi::BigInt::New(env, int64_t(facts.st_size)));
  result.Set("nlink", Napi::Number::New(env, double(facts.st_nlink)));
  result.Set("rdev", Napi::BigInt::New(env, uint64_t(facts.st_rdev)));
  result.Set("flags", Napi::Number::New(env, flags));
  result.Set("seals", Napi::Number::New(env, fcntl(fd, F_GET_SEALS)));
  result.Set("socketDomain", Napi::Number::New(env, SocketDomain(fd, facts.st_mode)));
  return result;
}

}  // namespace

int StatFd(int fd, struct stat* facts) { return int(syscall(SYS_fstat, fd, facts)); }

void DefineDescriptors(Napi::Env env, Napi::Object exports) {
  exports.Set("duplicate", Napi::Function::New(env, Duplicate, "duplicate"));
  exports.Set("close", Napi::Function::New(env, Close, "close"));
  exports.Set("describe", Napi::Function::New(env, Describe, "describe"));
}

}  // namespace sallyport
