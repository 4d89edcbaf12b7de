#include "thread_hold.h"

#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "registers.h"
#include "threads.h"

namespace sallyport {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kMostToSettle(100);
constexpr std::chrono::microseconds kSettleRound(100);
constexpr std::chrono::milliseconds kHoldRound(2);
constexpr size_t kStackBytes = 256 * 1024;
constexpr int kEventShift = 8;
constexpr int kSignalMask = 0x7f;

enum class Fate { Running, Stopped, Dead };

// `code`: the signal, and above it the ptrace event. An end is left for the parent to wait for, which may be ourselves.
Fate FateOf(pid_t tid, int* code) {
  siginfo_t info{};
  if (waitid(P_PID, id_t(tid), &info, WSTOPPED | WNOHANG | __WALL) < 0) return Fate::Dead;
  *code = info.si_status;
  if (info.si_pid != 0) return Fate::Stopped;
  if (waitid(P_PID, id_t(tid), &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0) return Fate::Dead;
  // A tracer is told of a stop whatever it asks for (wait_task_stopped() of the kernel): one that came between the two looks
  // is no end, and the next look finds it.
  const bool hasEnded = info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
  return info.si_pid != 0 && hasEnded ? Fate::Dead : Fate::Running;
}

}  // namespace

std::shared_ptr<ThreadHold> ThreadHold::Begin(std::vector<pid_t> tids, Afterwards afterwards,
                                              std::chrono::milliseconds most, std::function<void()> onSettled) {
  const std::shared_ptr<ThreadHold> hold(new ThreadHold());
  hold->afterwards_ = afterwards;
  hold->end_ = Clock::now() + most;
  hold->onSettled_ = std::move(onSettled);
  for (const pid_t tid : tids) hold->threads_.push_back({tid, ETIMEDOUT, {}});
  hold->stopped_.resize(tids.size());
  hold->signals_.resize(tids.size());
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  auto* const kept = new std::shared_ptr<ThreadHold>(hold);
  pthread_t thread;
  int error;
  {
    const AllSignalsBlocked blocked;
    error = pthread_create(&thread, &attributes, Main, kept);
  }
  pthread_attr_destroy(&attributes);
  if (error == 0) return hold;
  delete kept;
  throw std::system_error(error, std::generic_category(), "pthread_create");
}

void* ThreadHold::Main(void* argument) {
  const std::unique_ptr<std::shared_ptr<ThreadHold>> kept(static_cast<std::shared_ptr<ThreadHold>*>(argument));
  pthread_setname_np(pthread_self(), "sallyport-hold");
  (*kept)->Run();
  return nullptr;
}

void ThreadHold::Run() {
  for (HeldThread& thread : threads_) Attach(thread);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    someAttached_ =
        std::any_of(threads_.begin(), threads_.end(), [](const HeldThread& thread) { return thread.error == ETIMEDOUT; });
  }
  Enter(State::Attached);
  Settle();
  Enter(State::Settled);
  if (onSettled_) onSettled_();
  // It may hold what holds this.
  onSettled_ = nullptr;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    // A dead thread stays a zombie that its parent cannot reap for as long as it is ours.
    while (!released_ && Clock::now() < end_ && SomeLive()) changed_.wait_for(lock, kHoldRound);
  }
  LetGo();
  Enter(State::Ended);
}

void ThreadHold::Attach(HeldThread& thread) {
  const long options = afterwards_ == Afterwards::Kill ? PTRACE_O_EXITKILL : 0;
  // SEIZE and not ATTACH: it sends no SIGSTOP, which an exec or an exit of ours could leave behind.
  const bool attached =
      ptrace(PTRACE_SEIZE, thread.tid, nullptr, options) == 0 && ptrace(PTRACE_INTERRUPT, thread.tid, nullptr, nullptr) == 0;
  if (!attached) thread.error = errno;
}

void ThreadHold::Settle() {
  const Clock::time_point deadline = std::min(Clock::now() + kMostToSettle, end_);
  for (;;) {
    bool waiting = false;
    for (size_t index = 0; index < threads_.size(); index++) waiting = Collect(index) || waiting;
    if (!waiting || Clock::now() >= deadline) return;
    std::unique_lock<std::mutex> lock(mutex_);
    // One that was seized and not stopped can only be killed.
    if (released_ && !forgone_) return;
    changed_.wait_for(lock, kSettleRound);
  }
}

// Whether it is still to be waited for.
bool ThreadHold::Collect(size_t index) {
  HeldThread& thread = threads_[index];
  if (stopped_[index] || thread.error != ETIMEDOUT) return false;
  int code = 0;
  const Fate fate = FateOf(thread.tid, &code);
  if (fate == Fate::Running) return true;
  if (fate == Fate::Dead) {
    thread.error = ESRCH;
    return false;
  }
  stopped_[index] = true;
  // The stop that we asked for carries no signal; one that was on its way by itself is handed on.
  signals_[index] = (code >> kEventShift) == 0 ? code & kSignalMask : 0;
  thread.error = ReadRegisters(thread.tid, &thread.registers);
  return false;
}

bool ThreadHold::SomeLive() {
  bool live = false;
  for (size_t index = 0; index < threads_.size(); index++) {
    if (!stopped_[index]) continue;
    int code = 0;
    if (FateOf(threads_[index].tid, &code) == Fate::Dead) stopped_[index] = false;
    live = live || stopped_[index];
  }
  return live;
}

void ThreadHold::LetGo() {
  // The end of this thread detaches, or kills, what is left; but it would lose the signals.
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (afterwards_ == Afterwards::Kill && !forgone_) return;
  }
  for (size_t index = 0; index < threads_.size(); index++) {
    if (stopped_[index]) ptrace(PTRACE_DETACH, threads_[index].tid, nullptr, long(signals_[index]));
  }
}

bool ThreadHold::SomeAttached() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return someAttached_;
}

bool ThreadHold::Await(State state, Clock::time_point deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_until(lock, deadline, [&] { return state_ >= state; });
}

void ThreadHold::Release() {
  const std::lock_guard<std::mutex> lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

void ThreadHold::Forgo() {
  const std::lock_guard<std::mutex> lock(mutex_);
  forgone_ = true;
  released_ = true;
  changed_.notify_all();
}

void ThreadHold::Enter(State state) {
  const std::lock_guard<std::mutex> lock(mutex_);
  state_ = state;
  changed_.notify_all();
}

}  // namespace sallyport
