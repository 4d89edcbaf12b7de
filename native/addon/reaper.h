// Closes fds that came from sandboxees on a thread of its own: the last close of a socket with SO_LINGER and unsent data,
// or of a unix socket with such a one in its queue, blocks for as long as the peer chose.
#pragma once

#include <napi.h>

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

namespace sallyport {

class Reaper {
 public:
  // One to a process, whatever the number of environments; never destroyed, since its thread outlives them all.
  static Reaper& Instance();

  // From the first moment, so that there is a thread when it is needed, also where there could be no more by then.
  void Start();

  // False where the queue is full: the fd is still the caller's.
  bool TryPush(int fd);
  // For what must be let go of now: takes the fd whatever the length of the queue, which the limit of open files bounds.
  void Push(int fd) noexcept;
  // Queued, or being closed.
  size_t pending();

 private:
  // Enough for every fd of sixteen full messages; a queue that long means that somebody makes closes hang.
  static constexpr size_t kMostQueued = 4096;

  Reaper() = default;
  void Enqueue(int fd);
  void EnsureThread();
  // Without this, one peer's linger time of a million seconds would keep everybody's fds open.
  void InterruptLongClose();
  void Run();

  std::mutex mutex_;
  std::condition_variable pushed_;
  std::deque<int> queue_;
  pthread_t thread_{};
  bool running_ = false;
  bool closing_ = false;
  std::chrono::steady_clock::time_point closingSince_;
};

// Defines closeLater(fd) and reaperPending() on `exports`.
void DefineReaper(Napi::Env env, Napi::Object exports);

}  // namespace sallyport
