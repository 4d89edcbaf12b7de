#include "reaper.h"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <thread>

#include "arguments.h"
#include "errors.h"
#include "owned_fds.h"
#include "threads.h"

namespace sallyport {

namespace {

constexpr std::chrono::milliseconds kLongestClose(1000);

}  // namespace

void Release(int fd) noexcept { Reaper::Instance().Push(fd); }

Reaper& Reaper::Instance() {
  static auto* const reaper = new Reaper();
  return *reaper;
}

void Reaper::Start() {
  const std::lock_guard<std::mutex> lock(mutex_);
  EnsureThread();
}

bool Reaper::TryPush(int fd) {
  const std::lock_guard<std::mutex> lock(mutex_);
  InterruptLongClose();
  if (queue_.size() >= kMostQueued) return false;
  Enqueue(fd);
  return true;
}

void Reaper::Push(int fd) noexcept {
  try {
    const std::lock_guard<std::mutex> lock(mutex_);
    InterruptLongClose();
    Enqueue(fd);
  } catch (const std::bad_alloc&) {
    // An fd that stays open is the lesser harm: closing it here could block.
  }
}

size_t Reaper::pending() {
  const std::lock_guard<std::mutex> lock(mutex_);
  InterruptLongClose();
  return queue_.size() + (closing_ ? 1 : 0);
}

void Reaper::Enqueue(int fd) {
  queue_.push_back(fd);
  EnsureThread();
  pushed_.notify_one();
}

void Reaper::EnsureThread() {
  if (running_) return;
  const AllSignalsBlocked blocked;
  try {
    std::thread thread([this] { Run(); });
    thread_ = thread.native_handle();
    thread.detach();
    running_ = true;
  } catch (const std::system_error&) {
    // No thread to be had now; the next push tries again.
  }
}

void Reaper::InterruptLongClose() {
  if (closing_ && std::chrono::steady_clock::now() - closingSince_ > kLongestClose) {
    pthread_kill(thread_, WakeSignal());
  }
}

void Reaper::Run() {
  pthread_setname_np(pthread_self(), "sallyport-reap");
  AcceptWakeSignal();
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    pushed_.wait(lock, [this] { return !queue_.empty(); });
    const int fd = queue_.front();
    queue_.pop_front();
    closing_ = true;
    closingSince_ = std::chrono::steady_clock::now();
    lock.unlock();
    // The fd is gone whatever this returns; a signal ends the waiting of a linger time.
    ::close(fd);
    lock.lock();
    closing_ = false;
  }
}

namespace {

void CloseLater(const Napi::CallbackInfo& info) {
  const int fd = FdArgument(info[0], "fd");
  if (Reaper::Instance().TryPush(fd)) return;
  throw SystemError(info.Env(), EAGAIN, "closeLater",
                    "4096 fds wait to be closed; fd " + std::to_string(fd) + " stays open and is still the caller's");
}

Napi::Value Pending(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), double(Reaper::Instance().pending()));
}

}  // namespace

void DefineReaper(Napi::Env env, Napi::Object exports) {
  Reaper::Instance().Start();
  exports.Set("closeLater", Napi::Function::New(env, CloseLater, "closeLater"));
  exports.Set("reaperPending", Napi::Function::New(env, Pending, "reaperPending"));
}

}  // namespace sallyport
