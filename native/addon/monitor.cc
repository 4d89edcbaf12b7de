#include "monitor.h"

#include <system_error>
#include <thread>

#include "monitor_thread.h"

namespace sallyport {
namespace {

// The thread acknowledges within microseconds, unless it is inside a page fault of the sandboxee's memory.
constexpr std::chrono::milliseconds kPatience(100);

}  // namespace

Monitor::Monitor(MonitorOptions options, std::function<void()> onReport)
    : thread_(std::make_shared<Thread>(std::move(options), std::move(onReport))) {
  Thread::Launch(thread_);
}

Monitor::~Monitor() { Stop(); }

MonitorReport Monitor::Take() { return thread_->Take(); }

std::vector<TracedRecord> Monitor::TakeTraced() { return thread_->TakeTraced(); }

bool Monitor::AnswerTraced(uint64_t id, int32_t answer) { return !stopped_ && thread_->AnswerTraced(id, answer); }
void Monitor::Release() { thread_->Release(); }

void Monitor::Stop() {
  if (stopped_) return;
  stopped_ = true;
  thread_->Silence();
  // Before the thread is asked to end: it could still sit in a RECV that nothing but the end of the tree wakes.
  thread_->Kill();
  if (thread_->EndBefore(std::chrono::steady_clock::now() + kPatience)) {
    thread_->Join();
    return;
  }
  const std::shared_ptr<Thread> slow = thread_;
  try {
    std::thread([slow] {
      slow->EndBefore(std::chrono::steady_clock::time_point::max());
      slow->Join();
    }).detach();
  } catch (const std::system_error&) {
    // It was asked to end and its sandboxee is killed; what it holds is freed with the process.
  }
}

}  // namespace sallyport
