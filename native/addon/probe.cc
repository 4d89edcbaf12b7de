#include <linux/filter.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <string>
#include <system_error>
#include <thread>

#include "arguments.h"
#include "broker.h"
#include "clone_into.h"
#include "errors.h"
#include "owned_fds.h"
#include "seccomp_abi.h"
#include "threads.h"

namespace sallyport {
namespace {

// From linux/kcmp.h and linux/landlock.h, which not every libc brings.
constexpr int kKcmpFiles = 2;
constexpr unsigned kLandlockCreateRulesetVersion = 1;

int LandlockAbi() {
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, kLandlockCreateRulesetVersion);
  return abi < 0 ? 0 : int(abi);
}

// The kernel looks at the flags first, and only then for the filter that is not there.
bool KnowsFilterFlags(unsigned long flags) {
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, nullptr) < 0 && errno == EFAULT;
}

struct ListenerTrial {
  int error = 0;  // of seccomp(NEW_LISTENER)
  bool syncWakeUp = false;
  bool addFd = false;
};

ListenerTrial TryListener() {
  ListenerTrial trial;
  sock_filter allow[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  const sock_fprog program{1, allow};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
    trial.error = errno;
    return trial;
  }
  const UniqueFd listener(int(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program)));
  if (listener.get() < 0) {
    trial.error = errno;
    return trial;
  }
  trial.syncWakeUp = ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) == 0;
  // There is no notification with this id: a kernel that knows the call says ENOENT, another EINVAL.
  seccomp_notif_addfd nothing = {};
  nothing.id = ~0ull;
  trial.addFd = ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &nothing) < 0 && errno == ENOENT;
  return trial;
}

// Only a listener can tell, and a filter is for life: so on a thread that ends with it.
ListenerTrial TryListenerAside() {
  ListenerTrial trial;
  try {
    const AllSignalsBlocked blocked;
    std::thread([&trial] { trial = TryListener(); }).join();
  } catch (const std::system_error& error) {
    trial.error = error.code().value();
  }
  return trial;
}

bool HasKcmp() {
  const pid_t self = getpid();
  return syscall(SYS_kcmp, self, self, kKcmpFiles, 0, 0) == 0;
}

// An impossible range: nothing is closed, and a kernel that knows the call says so.
bool HasCloseRange() { return syscall(SYS_close_range, 1u, 0u, 0u) < 0 && errno == EINVAL; }

Napi::Value Probe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const unsigned long listener = SECCOMP_FILTER_FLAG_NEW_LISTENER;
  const bool waitKillable = KnowsFilterFlags(listener | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
  const bool tsyncEsrch =
      KnowsFilterFlags(listener | SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH);
  Napi::Object result = Napi::Object::New(env);
  result.Set("landlockAbi", Napi::Number::New(env, LandlockAbi()));
  result.Set("waitKillableRecv", Napi::Boolean::New(env, waitKillable));
  result.Set("tsyncEsrch", Napi::Boolean::New(env, tsyncEsrch));
  const ListenerTrial listenerTrial = TryListenerAside();
  result.Set("syncWakeUp", Napi::Boolean::New(env, listenerTrial.syncWakeUp));
  result.Set("addFd", Napi::Boolean::New(env, listenerTrial.addFd));
  result.Set("listenerError", Napi::String::New(env, listenerTrial.error == 0 ? "" : ErrnoName(listenerTrial.error)));
  result.Set("closeRange", Napi::Boolean::New(env, HasCloseRange()));
  result.Set("cloneIntoGroup", Napi::Boolean::New(env, CanCloneIntoGroup()));
  result.Set("kcmp", Napi::Boolean::New(env, HasKcmp()));
  return result;
}

Napi::Value SameFileTable(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int64_t pid = IntegerArgument(info[0], "pid", 1, INT_MAX);
  const int64_t tid = IntegerArgument(info[1], "tid", 1, INT_MAX);
  const long order = syscall(SYS_kcmp, pid, tid, kKcmpFiles, 0, 0);
  if (order < 0) throw SystemError(env, errno, "kcmp", std::to_string(pid) + " and " + std::to_string(tid));
  return Napi::Boolean::New(env, order == 0);
}

}  // namespace

void DefineProbe(Napi::Env env, Napi::Object exports) {
  exports.Set("probe", Napi::Function::New(env, Probe, "probe"));
  exports.Set("sameFileTable", Napi::Function::New(env, SameFileTable, "sameFileTable"));
}

}  // namespace sallyport
