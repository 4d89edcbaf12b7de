// What the thread has gathered, and how its owner gets it: bounded, and with one wake-up until it is taken.
#include <algorithm>

#include "monitor_thread.h"

namespace sallyport {
namespace {

constexpr size_t kMostDenials = 64;
constexpr size_t kMostPermitted = 64;

bool SameCall(const SyscallRecord& one, const SyscallRecord& other) {
  return one.number == other.number && one.tid == other.tid && one.arguments == other.arguments &&
         one.paths == other.paths;
}

}  // namespace

MonitorReport Monitor::Thread::Take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  MonitorReport taken = report_;
  taken.denials.assign(std::make_move_iterator(denials_.begin()), std::make_move_iterator(denials_.end()));
  denials_.clear();
  report_.dropped = 0;
  taken.permitted.assign(std::make_move_iterator(permitted_.begin()), std::make_move_iterator(permitted_.end()));
  permitted_.clear();
  report_.permittedDropped = 0;
  notified_ = false;
  return taken;
}

void Monitor::Thread::Silence() {
  const std::lock_guard<std::mutex> lock(mutex_);
  onReport_ = nullptr;
}

std::vector<TracedRecord> Monitor::Thread::TakeTraced() {
  const std::lock_guard<std::mutex> lock(mutex_);
  tracedNotified_ = false;
  std::vector<TracedRecord> taken;
  taken.swap(traced_);
  return taken;
}

void Monitor::Thread::KillFor(SyscallRecord violation, const std::shared_ptr<ThreadHold>& hold) {
  violated_ = true;
  const bool held = hold && hold->threads()[0].error == 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!report_.violation) {
      report_.violation = std::move(violation);
      if (hold) report_.held = hold->threads()[0];
    }
    if (held) Notify();
  }
  if (held) AwaitRelease();
  Kill();
  if (hold) hold->Release();
  const std::lock_guard<std::mutex> lock(mutex_);
  Notify();
}

void Monitor::Thread::Record(DenialRecord record) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (denials_.size() == kMostDenials) {
    denials_.pop_front();
    report_.dropped++;
  }
  denials_.push_back(std::move(record));
  Notify();
}

void Monitor::Thread::Fail(const std::string& failure) {
  violated_ = true;
  stopping_ = true;
  {
    // Before the kill, as for a violation.
    const std::lock_guard<std::mutex> lock(mutex_);
    report_.ended = MonitorReport::Ended::Failed;
    report_.failure = failure;
  }
  Kill();
  const std::lock_guard<std::mutex> lock(mutex_);
  Notify();
}

void Monitor::Thread::Notify() {
  if (notified_ || !onReport_) return;
  notified_ = true;
  onReport_();
}

void Monitor::Thread::RecordPermitted(SyscallRecord record) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto known = std::find_if(permitted_.rbegin(), permitted_.rend(),
                                  [&](const PermittedRecord& each) { return SameCall(each.syscall, record); });
  if (known != permitted_.rend()) {
    known->count++;
  } else if (permitted_.size() == kMostPermitted) {
    report_.permittedDropped++;
  } else {
    permitted_.push_back({std::move(record), 1});
  }
  Notify();
}

}  // namespace sallyport
