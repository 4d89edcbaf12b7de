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

#include "filter_program.h"
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

// A call that waits for AnswerTraced(). No memory is read for it.
struct TracedRecord {
  uint64_t id;
  SyscallRecord syscall;
};

// `count` calls in a row, or nearly, that were the same in everything.
struct PermittedRecord {
  SyscallRecord syscall;
  uint64_t count;
};

// What an entry of MonitorOptions::answers means.
namespace answer {
constexpr int32_t kViolation = -1;
constexpr int32_t kErrnoMask = 0xfff;
constexpr int32_t kPathFlag = 0x10000;
// MonitorOptions::program says which calls are traced or permitted; the rest of the entry, or a violation, is for others.
constexpr int32_t kByFilter = 0x20000;
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

// SECCOMP_RET_DATA of SECCOMP_RET_USER_NOTIF, which the kernel passes over.
namespace notification {
constexpr uint32_t kTrace = 1;
constexpr uint32_t kPermit = 2;
}  // namespace notification

// What AnswerTraced() takes; above 0, an errno.
namespace traced {
constexpr int32_t kDeny = -1;
constexpr int32_t kAllow = 0;
}  // namespace traced

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
  // Where an answer has kByFilter: the filter that the sandboxee is under.
  std::optional<FilterProgram> program;
  // For how long the thread of a violation is held, at most, before the kill: 0 is not at all.
  std::chrono::milliseconds holdTime;
};

struct MonitorReport {
  enum class Ended { Running, Hangup, Failed };
  std::vector<DenialRecord> denials;
  uint64_t dropped = 0;
  std::vector<PermittedRecord> permitted;
  uint64_t permittedDropped = 0;
  std::optional<SyscallRecord> violation;
  // The thread of the violation, where it is held.
  std::optional<HeldThread> held;
  Ended ended = Ended::Running;
  std::string failure;
};

class Monitor {
 public:
  // `onReport` is called on the monitor's thread, once until the next Take(), and once until the next TakeTraced(). Throws
  // std::system_error where there is no thread to be had.
  Monitor(MonitorOptions options, std::function<void()> onReport);
  ~Monitor();

  // What has gathered since the last call. The violation stays.
  MonitorReport Take();
  // The calls that have come to wait since the last call.
  std::vector<TracedRecord> TakeTraced();
  // Each once. False where the caller waits no more: it was killed, or everything is.
  bool AnswerTraced(uint64_t id, int32_t answer);
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
