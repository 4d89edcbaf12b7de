// Calls that the monitor may let go on: those that the app is asked about, and those of a filter that only logs. Which they
// are is decided by number and arguments alone, which nobody can change while the caller waits; what a pointer leads to
// anybody can, so that nothing is continued for what was read there. The one other call that goes on is Admit()'s.
#include <linux/seccomp.h>

#include "monitor_thread.h"

namespace sallyport {
namespace {

// One for each thread that waits, and no more threads than these are worth waiting for.
constexpr size_t kMostParked = 1024;

}  // namespace

void Monitor::Thread::DecideByFilter(const seccomp_notif& notification, int32_t answer) {
  const uint32_t verdict = options_.program->Run(notification.data);
  if (verdict == (SECCOMP_RET_USER_NOTIF | notification::kTrace)) return Park(notification);
  if (verdict == (SECCOMP_RET_USER_NOTIF | notification::kPermit)) return Permit(notification);
  if (answer == 0) return Violate(notification);
  DecideDenial(notification, answer);
}

void Monitor::Thread::Park(const seccomp_notif& notification) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (parked_.size() < kMostParked) {
      const SyscallRecord record = RecordOf(notification);
      parked_.emplace(notification.id, record);
      traced_.push_back({notification.id, record});
      if (!tracedNotified_ && onReport_) {
        tracedNotified_ = true;
        onReport_();
      }
      return;
    }
  }
  Violate(notification);
}

bool Monitor::Thread::AnswerTraced(uint64_t id, int32_t answer) {
  SyscallRecord record;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto parked = parked_.find(id);
    if (parked == parked_.end()) return false;
    record = std::move(parked->second);
    parked_.erase(parked);
  }
  if (violated_ || stopping_) return false;
  if (answer == traced::kDeny) {
    if (!StillWaiting(id)) return false;
    // Not held for its stack: whoever would have to release it is waiting here.
    KillFor(std::move(record), nullptr);
    return true;
  }
  std::vector<uint64_t> response(response_.size());
  return Send(id, answer, answer == traced::kAllow ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0, response);
}

void Monitor::Thread::Permit(const seccomp_notif& notification) {
  // The path is for the report: that the call goes on was decided before.
  std::optional<SyscallRecord> record = RecordWithPath(notification);
  if (!record) return;
  RecordPermitted(std::move(*record));
  Send(notification.id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE, response_);
}

}  // namespace sallyport
