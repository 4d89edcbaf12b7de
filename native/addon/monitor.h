// The thread that owns the seccomp listener of one sandboxee: it answers denials, and kills on a violation. Knows nothing
// of JavaScript; monitor_binding.cc does.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "owned_fds.h"
#include "thread_hold.h"

namespace sallyport {

struct SyscallRecord {
  uint32_t arch;
  int32_t number;
  std::array<uint64_t, 6> arguments;
  // In the broker's pid namespace; 0 where it is not visible there.
  uint32_t tid;
  uint64_t instructionPointer;
  std::array<std::optional<std::string>, 6> paths;
};

struct DenialRecord {
  SyscallRecord syscall;
  int error;
};

// What an entry of MonitorOptions::answers means.
namespace answer {
constexpr int32_t kViolation = -1;
constexpr int32_t kErrnoMask = 0xfff;
constexpr int32_t kPathFlag = 0x10000;
constexpr int kPathShift = 20;
constexpr int32_t kPathMask = 7 << kPathShift;
}  // namespace answer

// The exec by which a program begins that was filtered before its first instruction. It is let through once; nothing that the
// program does could look like it, since it is decided before there is a program.
struct FirstExec {
  // In the broker's pid namespace.
  uint32_t tid;
  int32_t number;
  // Of the sixth argument.
  uint64_t argument;
};

struct MonitorOptions {
  UniqueFd listener;
  // A pidfd: its process is killed on a violation, and when the monitor stops or fails.
  UniqueFd victim;
  uint32_t arch;
  // By syscall number. Numbers beyond the end, and entries that are 0, are violations.
  std::vector<int32_t> answers;
  // By syscall number: which argument is a path, or -1.
  std::vector<int8_t> pathArguments;
  bool pathDenialIsViolation;
  // Exact, or a prefix where the last character is '*'.
  std::vector<std::string> harmlessPaths;
  uint32_t unknownAbove;
  std::optional<FirstExec> firstExec;
  // For how long the thread of a violation is held, at most, before the kill: 0 is not at all.
  std::chrono::milliseconds holdTime;
};

struct MonitorReport {
  enum class Ended { Running, Hangup, Failed };
  std::vector<DenialRecord> denials;
  uint64_t dropped = 0;
  std::optional<SyscallRecord> violation;
  // The thread of the violation, where it is held.
  std::optional<HeldThread> held;
  Ended ended = Ended::Running;
  std::string failure;
};

class Monitor {
 public:
  // `onReport` is called on the monitor's thread, once until the next Take(). Throws std::system_error where there is no
  // thread to be had.
  Monitor(MonitorOptions options, std::function<void()> onReport);
  ~Monitor();

  // What has gathered since the last call. The violation stays.
  MonitorReport Take();
  // What is held can be killed.
  void Release();
  // Kills the sandboxee, ends the thread, closes the listener. onReport is not called again. Idempotent.
  void Stop();

 private:
  class Thread;
  std::shared_ptr<Thread> thread_;
  bool stopped_ = false;
};

}  // namespace sallyport
