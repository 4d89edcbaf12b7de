// Stops threads of a sandboxee for a moment, to read their registers. Knows nothing of JavaScript.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace sallyport {

struct Registers {
  uint64_t instruction;
  uint64_t stack;
  uint64_t frame;
};

struct HeldThread {
  pid_t tid;
  // 0: stopped, and `registers` are its own. Else why not; ETIMEDOUT where it did not stop in time, as in a wait of the
  // kernel's that only SIGKILL ends.
  int error;
  Registers registers;
};

/**
 * Ptrace belongs to the thread that attached: each hold has a thread of its own, whose end also lets go of what could not
 * be stopped. That thread ends when it is told to, when everything that it holds is dead, and in any case after `most`.
 */
class ThreadHold {
 public:
  enum class Afterwards { Resume, Kill };
  // In this order.
  enum class State { Starting, Attached, Settled, Ended };

  // `onSettled` is called once, on the hold's thread. Throws std::system_error where there is no thread to be had.
  static std::shared_ptr<ThreadHold> Begin(std::vector<pid_t> tids, Afterwards afterwards, std::chrono::milliseconds most,
                                           std::function<void()> onSettled);

  // False at the deadline.
  bool Await(State state, std::chrono::steady_clock::time_point deadline);
  // Once attached: whether there is anything to wait for.
  bool SomeAttached();
  // Once settled.
  const std::vector<HeldThread>& threads() const { return threads_; }
  // Idempotent.
  void Release();
  // What is held is not what was meant: it goes on as if nothing had been, also where the others were to be killed.
  void Forgo();

 private:
  ThreadHold() = default;
  static void* Main(void* self);
  void Run();
  void Attach(HeldThread& thread);
  void Settle();
  bool Collect(size_t index);
  // False once nothing that is held lives any more.
  bool SomeLive();
  void LetGo();
  void Enter(State state);

  Afterwards afterwards_ = Afterwards::Resume;
  std::chrono::steady_clock::time_point end_;
  std::function<void()> onSettled_;
  std::vector<HeldThread> threads_;
  // By index: stopped, and with which signal to go on.
  std::vector<bool> stopped_;
  std::vector<int> signals_;

  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::Starting;
  bool released_ = false;
  bool forgone_ = false;
  bool someAttached_ = false;
};

}  // namespace sallyport
