#pragma once

#include <linux/seccomp.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "monitor.h"

namespace sallyport {

// Shared by the thread, its owner, and where the thread is slow to end, by whoever waits for it.
class Monitor::Thread {
 public:
  Thread(MonitorOptions options, std::function<void()> onReport);

  // `self` keeps this alive while the thread runs.
  static void Launch(const std::shared_ptr<Thread>& self);
  MonitorReport Take();
  void Silence();
  // Ends the wait between a violation and its kill.
  void Release();
  void Kill();
  // Asks the thread to end, and interrupts it until it has. False at the deadline.
  bool EndBefore(std::chrono::steady_clock::time_point deadline);
  // Once it has ended.
  void Join();

 private:
  enum class Round { Continue, End };

  static void* Main(void* self);
  void Run();
  Round ReceiveOne();
  Round AfterFailedReceive(int error);
  void Decide(const seccomp_notif& notification);
  bool IsFirstExec(const seccomp_notif& notification) const;
  void Admit(uint64_t id);
  void DecideDenial(const seccomp_notif& notification, int32_t answer);
  void Violate(const seccomp_notif& notification);
  std::shared_ptr<ThreadHold> Hold(const seccomp_notif& notification);
  void AwaitRelease();
  void Answer(uint64_t id, int error);
  void Send(const seccomp_notif_resp& response);
  bool StillWaiting(uint64_t id) const;
  bool IsHarmless(const std::string& path) const;
  bool HungUp() const;
  int32_t AnswerFor(int32_t number) const;

  void Record(DenialRecord record);
  void Fail(const std::string& failure);
  // Called with mutex_ held.
  void Notify();

  MonitorOptions options_;
  // As large as the running kernel says, and zeroed before each use, or it answers EINVAL.
  std::vector<uint64_t> notification_;
  std::vector<uint64_t> response_;
  pthread_t thread_{};
  std::atomic<bool> stopping_{false};
  // The thread's own: from here on nothing is answered, everything waits for SIGKILL.
  bool violated_ = false;
  bool begun_ = false;

  std::mutex mutex_;
  std::condition_variable acknowledged_;
  bool ended_ = false;
  bool notified_ = false;
  bool released_ = false;
  std::function<void()> onReport_;
  std::deque<DenialRecord> denials_;
  MonitorReport report_;
};

}  // namespace sallyport
