#include <sys/resource.h>

#include <cerrno>
#include <string>

#include "arguments.h"
#include "broker.h"
#include "errors.h"

namespace sallyport {
namespace {

// The kernel lets a process set the limits of another with the same ids. The caller holds a pidfd, which it asks before and
// after: prlimit goes by number.
void LimitOpenFiles(const Napi::CallbackInfo& info) {
  const auto pid = pid_t(IntegerArgument(info[0], "pid", 1, INT32_MAX));
  const auto most = rlim_t(IntegerArgument(info[1], "most", 0, INT32_MAX));
  const rlimit limit{most, most};
  if (prlimit(pid, RLIMIT_NOFILE, &limit, nullptr) == 0) return;
  throw SystemError(info.Env(), errno, "prlimit", "RLIMIT_NOFILE of process " + std::to_string(pid));
}

}  // namespace

void DefineOpenFiles(Napi::Env env, Napi::Object exports) {
  exports.Set("limitOpenFiles", Napi::Function::New(env, LimitOpenFiles, "limitOpenFiles"));
}

}  // namespace sallyport
