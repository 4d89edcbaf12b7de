// How a violation is held for its stack trace before the kill, and for how long at most.
#include <cerrno>
#include <system_error>

#include "monitor_thread.h"

namespace sallyport {
namespace {

constexpr std::chrono::milliseconds kMostToStop(200);

}  // namespace

std::shared_ptr<ThreadHold> Monitor::Thread::Hold(const seccomp_notif& notification) {
  if (options_.holdTime.count() == 0 || notification.pid == 0) return nullptr;
  const auto deadline = std::chrono::steady_clock::now() + kMostToStop;
  std::shared_ptr<ThreadHold> hold;
  try {
    hold = ThreadHold::Begin({pid_t(notification.pid)}, ThreadHold::Afterwards::Kill, options_.holdTime, nullptr);
  } catch (const std::system_error&) {
    return nullptr;
  }
  // Where WAIT_KILLABLE_RECV is in force, a thread that waits for our answer stops for nothing but SIGKILL. So it is
  // answered, with an error: the stop that is already asked for comes before the next instruction of its own.
  const bool attached = hold->Await(ThreadHold::State::Attached, deadline);
  // A hold goes by number. A caller that was killed meanwhile, by its siblings, has left its own to whoever comes next, on
  // the whole machine; while it waits for an answer nobody else can have it.
  if (!StillWaiting(notification.id)) {
    hold->Forgo();
    return nullptr;
  }
  if (attached && hold->SomeAttached()) Answer(notification.id, EPERM);
  if (attached && hold->Await(ThreadHold::State::Settled, deadline)) return hold;
  hold->Release();
  return nullptr;
}

void Monitor::Thread::AwaitRelease() {
  const auto deadline = std::chrono::steady_clock::now() + options_.holdTime;
  std::unique_lock<std::mutex> lock(mutex_);
  acknowledged_.wait_until(lock, deadline, [&] { return released_ || bool(stopping_); });
}

void Monitor::Thread::Release() {
  const std::lock_guard<std::mutex> lock(mutex_);
  released_ = true;
  acknowledged_.notify_all();
}

}  // namespace sallyport
