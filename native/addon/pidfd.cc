#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "arguments.h"
#include "broker.h"
#include "errors.h"

namespace sallyport {
namespace {

// Absent from older libc headers.
constexpr int kWaitPidfd = 3;

double Milliseconds(const timeval& time) { return double(time.tv_sec) * 1000 + double(time.tv_usec) / 1000; }

Napi::Object Usage(Napi::Env env, const rusage& usage) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("userMs", Napi::Number::New(env, Milliseconds(usage.ru_utime)));
  result.Set("systemMs", Napi::Number::New(env, Milliseconds(usage.ru_stime)));
  // The kernel counts KiB.
  result.Set("maxRssBytes", Napi::Number::New(env, double(usage.ru_maxrss) * 1024));
  result.Set("minorFaults", Napi::Number::New(env, double(usage.ru_minflt)));
  result.Set("majorFaults", Napi::Number::New(env, double(usage.ru_majflt)));
  result.Set("voluntarySwitches", Napi::Number::New(env, double(usage.ru_nvcsw)));
  result.Set("involuntarySwitches", Napi::Number::New(env, double(usage.ru_nivcsw)));
  return result;
}

Napi::Value Wait(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int pidfd = FdArgument(info[0], "pidfd");
  siginfo_t exit{};
  rusage usage{};
  // libc's waitid has no rusage. WNOHANG, so that a stopped clock of a sandboxee never stops ours.
  if (syscall(SYS_waitid, kWaitPidfd, pidfd, &exit, WEXITED | WNOHANG | __WALL, &usage) < 0) {
    throw SystemError(env, errno, "waitid", "pidfd " + std::to_string(pidfd));
  }
  if (exit.si_pid == 0) return env.Null();

  Napi::Object status = Napi::Object::New(env);
  if (exit.si_code == CLD_EXITED) {
    status.Set("kind", Napi::String::New(env, "exited"));
    status.Set("code", Napi::Number::New(env, exit.si_status));
  } else {
    status.Set("kind", Napi::String::New(env, "signaled"));
    status.Set("signal", Napi::Number::New(env, exit.si_status));
    status.Set("core", Napi::Boolean::New(env, exit.si_code == CLD_DUMPED));
  }
  status.Set("usage", Usage(env, usage));
  return status;
}

Napi::Value Signal(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int pidfd = FdArgument(info[0], "pidfd");
  const int signal = int(IntegerArgument(info[1], "signal", 0, SIGRTMAX));
  if (syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0) return Napi::Boolean::New(env, true);
  if (errno == ESRCH) return Napi::Boolean::New(env, false);
  throw SystemError(env, errno, "pidfd_send_signal", "pidfd " + std::to_string(pidfd));
}

}  // namespace

void DefinePidfd(Napi::Env env, Napi::Object exports) {
  exports.Set("waitPidfd", Napi::Function::New(env, Wait, "waitPidfd"));
  exports.Set("signalPidfd", Napi::Function::New(env, Signal, "signalPidfd"));
}

}  // namespace sallyport
