#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdint>

#include "arguments.h"
#include "broker.h"

namespace sallyport {
namespace {

// struct sched_attr of linux/sched/types.h, which not every libc brings, of SCHED_OTHER. Nanoseconds.
struct Scheduling {
  uint32_t size = sizeof(Scheduling);
  uint32_t policy = 0;
  // SCHED_FLAG_RESET_ON_FORK: it is for this thread alone.
  uint64_t flags = 1;
  int32_t nice = 0;
  uint32_t priority = 0;
  // The shortest slice that there is; before Linux 6.12 it means nothing here.
  uint64_t runtime = 100'000;
  uint64_t deadline = 0;
  uint64_t period = 0;
};

constexpr int kFirst = -20;

bool Schedule(pid_t thread, int nice) {
  Scheduling wanted;
  wanted.nice = nice;
  return syscall(SYS_sched_setattr, thread, &wanted, 0) == 0;
}

// Puts a thread before others that are as runnable as it is. False where the kernel refuses.
Napi::Value Hurry(const Napi::CallbackInfo& info) {
  const pid_t thread = pid_t(IntegerArgument(info[0], "tid", 1, INT_MAX));
  if (Schedule(thread, kFirst)) return Napi::Boolean::New(info.Env(), true);
  errno = 0;
  const int nice = getpriority(PRIO_PROCESS, id_t(thread));
  return Napi::Boolean::New(info.Env(), errno == 0 && Schedule(thread, nice));
}

}  // namespace

void DefineScheduling(Napi::Env env, Napi::Object exports) {
  exports.Set("hurry", Napi::Function::New(env, Hurry, "hurry"));
}

}  // namespace sallyport
