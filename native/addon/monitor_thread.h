#pragma once

#include <linux/seccomp.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <unordered_map>

#include "monitor.h"

namespace sallyport {

std::string Described(const char* call, int error);
SyscallRecord RecordOf(const seccomp_notif& notification);

// Shared by the thread, its owner, and where the thread is slow to end, by whoever waits for it.
class Monitor::Thread {
 public:
  Thread(MonitorOptions options, std::function<void()> onReport);

  // `self` keeps this alive while the thread runs.
  static void Launch(const std::shared_ptr<Thread>& self);
  MonitorReport Take();
  std::vector<TracedRecord> TakeTraced();
  // On the owner's thread, and not after the owner has asked this one to end.
  bool AnswerTraced(uint64_t id, int32_t answer);
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
  void DecideByFilter(const seccomp_notif& notification, int32_t answer);
  void Park(const seccomp_notif& notification);
  void Permit(const seccomp_notif& notification);
  void Violate(const seccomp_notif& notification);
  // Before the kill: whoever sees the process end finds the reason. The first counts. Waits until what is held is released.
  void KillFor(SyscallRecord violation, const std::shared_ptr<ThreadHold>& hold);
  std::shared_ptr<ThreadHold> Hold(const seccomp_notif& notification);
  void AwaitRelease();
  void Answer(uint64_t id, int error);
  // False where nobody waits for it any more. `response` is as large as the kernel says.
  bool Send(uint64_t id, int error, uint32_t flags, std::vector<uint64_t>& response);
  // With the path, for reports; nothing where the caller waits no more.
  std::optional<SyscallRecord> RecordWithPath(const seccomp_notif& notification) const;
  bool StillWaiting(uint64_t id) const;
  bool IsHarmless(const std::string& path) const;
  bool HungUp() const;
  int32_t AnswerFor(int32_t number) const;

  void Record(DenialRecord record);
  void RecordPermitted(SyscallRecord record);
  void Fail(const std::string& failure);
  // Called with mutex_ held.
  void Notify();

  MonitorOptions options_;
  // As large as the running kernel says, and zeroed before each use, or it answers EINVAL.
  std::vector<uint64_t> notification_;
  std::vector<uint64_t> response_;
  pthread_t thread_{};
  std::atomic<bool> stopping_{false};
  // From here on nothing is answered, everything waits for SIGKILL.
  std::atomic<bool> violated_{false};
  bool begun_ = false;

  std::mutex mutex_;
  std::condition_variable acknowledged_;
  bool ended_ = false;
  bool notified_ = false;
  bool released_ = false;
  std::function<void()> onReport_;
  bool tracedNotified_ = false;
  std::deque<DenialRecord> denials_;
  std::deque<PermittedRecord> permitted_;
  // Not taken yet; what waits, taken or not, is in parked_. No id is ever answered that is not there.
  std::vector<TracedRecord> traced_;
  std::unordered_map<uint64_t, SyscallRecord> parked_;
  MonitorReport report_;
};

}  // namespace sallyport
