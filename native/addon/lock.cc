#include <sys/file.h>

#include <cerrno>
#include <string>

#include "arguments.h"
#include "broker.h"
#include "errors.h"

namespace sallyport {
namespace {

// The lock is the open file description's: it ends when the last duplicate is closed, however the process ends.
Napi::Value Lock(const Napi::CallbackInfo& info) {
  const int fd = FdArgument(info[0], "fd");
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), false);
  throw SystemError(info.Env(), errno, "flock", "fd " + std::to_string(fd));
}

}  // namespace

void DefineLock(Napi::Env env, Napi::Object exports) { exports.Set("lock", Napi::Function::New(env, Lock, "lock")); }

}  // namespace sallyport
