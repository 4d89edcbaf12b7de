#include "monitor_thread.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>

#include "errors.h"
#include "remote_memory.h"
#include "seccomp_abi.h"
#include "threads.h"

namespace sallyport {
namespace {

constexpr size_t kLongestPath = PATH_MAX;
constexpr size_t kStackBytes = 512 * 1024;

size_t WordsFor(size_t kernelBytes, size_t ourBytes) {
  return (std::max(kernelBytes, ourBytes) + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

}  // namespace

std::string Described(const char* call, int error) {
  return ErrnoName(error) + ": " + ErrnoText(error) + ", " + call;
}

SyscallRecord RecordOf(const seccomp_notif& notification) {
  SyscallRecord record{};
  record.arch = notification.data.arch;
  record.number = notification.data.nr;
  std::copy(std::begin(notification.data.args), std::end(notification.data.args), record.arguments.begin());
  record.tid = notification.pid;
  record.instructionPointer = notification.data.instruction_pointer;
  return record;
}

Monitor::Thread::Thread(MonitorOptions options, std::function<void()> onReport)
    : options_(std::move(options)), onReport_(std::move(onReport)) {
  seccomp_notif_sizes sizes{};
  if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0) {
    throw std::system_error(errno, std::generic_category(), "seccomp");
  }
  notification_.resize(WordsFor(sizes.seccomp_notif, sizeof(seccomp_notif)));
  response_.resize(WordsFor(sizes.seccomp_notif_resp, sizeof(seccomp_notif_resp)));
  // A hint that keeps both on one CPU. Linux 6.6; where it fails, it is only slower.
  ioctl(options_.listener.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

void Monitor::Thread::Launch(const std::shared_ptr<Thread>& self) {
  // Installed here, so that it is there before anybody sends it.
  WakeSignal();
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  auto* const kept = new std::shared_ptr<Thread>(self);
  int error;
  {
    const AllSignalsBlocked blocked;
    error = pthread_create(&self->thread_, &attributes, Main, kept);
  }
  pthread_attr_destroy(&attributes);
  if (error == 0) return;
  delete kept;
  throw std::system_error(error, std::generic_category(), "pthread_create");
}

void* Monitor::Thread::Main(void* argument) {
  const std::unique_ptr<std::shared_ptr<Thread>> kept(static_cast<std::shared_ptr<Thread>*>(argument));
  Thread& self = **kept;
  pthread_setname_np(pthread_self(), "sallyport-mon");
  AcceptWakeSignal();
  try {
    self.Run();
  } catch (const std::exception& error) {
    self.Fail(error.what());
  }
  const std::lock_guard<std::mutex> lock(self.mutex_);
  self.ended_ = true;
  self.acknowledged_.notify_all();
  return nullptr;
}

void Monitor::Thread::Kill() {
  // ESRCH, since it is dead already, is as good.
  syscall(SYS_pidfd_send_signal, options_.victim.get(), SIGKILL, nullptr, 0);
}

bool Monitor::Thread::EndBefore(std::chrono::steady_clock::time_point deadline) {
  stopping_ = true;
  std::unique_lock<std::mutex> lock(mutex_);
  while (!ended_) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    // Again and again: one that comes between its look at `stopping_` and the ioctl interrupts nothing.
    pthread_kill(thread_, WakeSignal());
    acknowledged_.notify_all();
    acknowledged_.wait_for(lock, std::chrono::milliseconds(1));
  }
  return true;
}

void Monitor::Thread::Join() {
  pthread_join(thread_, nullptr);
  options_.listener.Reset();
  options_.victim.Reset();
}

void Monitor::Thread::Run() {
  while (!stopping_ && ReceiveOne() == Round::Continue) continue;
}

Monitor::Thread::Round Monitor::Thread::ReceiveOne() {
  std::fill(notification_.begin(), notification_.end(), 0);
  // Blocks, and poll() before it would not change that: what it announced may be gone by then.
  if (ioctl(options_.listener.get(), SECCOMP_IOCTL_NOTIF_RECV, notification_.data()) < 0) {
    return AfterFailedReceive(errno);
  }
  seccomp_notif notification;
  memcpy(&notification, notification_.data(), sizeof notification);
  if (!violated_) Decide(notification);
  return Round::Continue;
}

Monitor::Thread::Round Monitor::Thread::AfterFailedReceive(int error) {
  if (error == EINTR) return Round::Continue;
  // Either one task died between the wake-up and its turn, or all of them have.
  if (error == ENOENT && !HungUp()) return Round::Continue;
  if (error == ENOENT) {
    const std::lock_guard<std::mutex> lock(mutex_);
    report_.ended = MonitorReport::Ended::Hangup;
    Notify();
  } else {
    Fail(Described("SECCOMP_IOCTL_NOTIF_RECV", error));
  }
  return Round::End;
}

bool Monitor::Thread::HungUp() const {
  pollfd listener{options_.listener.get(), 0, 0};
  return poll(&listener, 1, 0) > 0 && (listener.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

int32_t Monitor::Thread::AnswerFor(int32_t number) const {
  const size_t index = size_t(uint32_t(number));
  return index < options_.answers.size() ? options_.answers[index] : answer::kViolation;
}

void Monitor::Thread::Decide(const seccomp_notif& notification) {
  if (notification.data.arch != options_.arch) return Violate(notification);
  if (options_.firstExec && notification.data.nr == options_.firstExec->number &&
      uint32_t(notification.data.args[5]) == uint32_t(options_.firstExec->argument)) {
    return IsFirstExec(notification) ? Admit(notification.id) : Violate(notification);
  }
  if (uint32_t(notification.data.nr) > options_.unknownAbove) return Answer(notification.id, ENOSYS);
  const int32_t answer = AnswerFor(notification.data.nr);
  if (answer > 0 && (answer & answer::kByFilter) != 0) return DecideByFilter(notification, answer & ~answer::kByFilter);
  if (answer <= 0) return Violate(notification);
  DecideDenial(notification, answer);
}

// The launcher's child, which runs nothing but the launcher's code until then, executes the fd that it holds: no path and no
// memory that anybody else could change decides what begins.
bool Monitor::Thread::IsFirstExec(const seccomp_notif& notification) const {
  return !begun_ && notification.pid == options_.firstExec->tid && notification.data.args[4] == AT_EMPTY_PATH &&
         notification.data.args[5] == options_.firstExec->argument;
}

void Monitor::Thread::Admit(uint64_t id) {
  begun_ = true;
  Send(id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE, response_);
}

void Monitor::Thread::DecideDenial(const seccomp_notif& notification, int32_t answer) {
  DenialRecord denial{RecordOf(notification), answer & answer::kErrnoMask};
  if ((answer & answer::kPathFlag) != 0) {
    const size_t index = size_t((answer & answer::kPathMask) >> answer::kPathShift);
    std::optional<std::string>& path = denial.syscall.paths[index];
    path = ReadRemoteText(pid_t(notification.pid), denial.syscall.arguments[index], kLongestPath);
    // The tid may have been another task's by the time of the read.
    if (!StillWaiting(notification.id)) return;
    // Nothing is granted to a harmless path: the sandboxee can write what it likes there, and gets an errno.
    if (path && IsHarmless(*path)) return Answer(notification.id, denial.error);
    if (options_.pathDenialIsViolation) return Violate(notification);
  }
  // Before the answer: the report of a denial precedes whatever the sandboxee does next.
  const int error = denial.error;
  Record(std::move(denial));
  Answer(notification.id, error);
}

void Monitor::Thread::Violate(const seccomp_notif& notification) {
  std::optional<SyscallRecord> record = RecordWithPath(notification);
  violated_ = true;
  KillFor(record ? std::move(*record) : RecordOf(notification), Hold(notification));
}

std::optional<SyscallRecord> Monitor::Thread::RecordWithPath(const seccomp_notif& notification) const {
  SyscallRecord record = RecordOf(notification);
  const size_t number = size_t(uint32_t(notification.data.nr));
  const bool known = notification.data.arch == options_.arch && number < options_.pathArguments.size();
  const int index = known ? options_.pathArguments[number] : -1;
  if (index < 0) return record;
  record.paths[size_t(index)] = ReadRemoteText(pid_t(notification.pid), record.arguments[size_t(index)], kLongestPath);
  // The tid may have been another task's by the time of the read.
  if (!StillWaiting(notification.id)) return std::nullopt;
  return record;
}

void Monitor::Thread::Answer(uint64_t id, int error) { Send(id, error, 0, response_); }

bool Monitor::Thread::Send(uint64_t id, int error, uint32_t flags, std::vector<uint64_t>& buffer) {
  std::fill(buffer.begin(), buffer.end(), 0);
  seccomp_notif_resp response{};
  response.id = id;
  // A positive number would be a success.
  response.error = -error;
  response.flags = flags;
  memcpy(buffer.data(), &response, sizeof response);
  int result;
  do {
    result = ioctl(options_.listener.get(), SECCOMP_IOCTL_NOTIF_SEND, buffer.data());
  } while (result < 0 && errno == EINTR);
  if (result == 0) return true;
  // Killed, or interrupted by a signal: it asks again if it still wants to know.
  if (errno != ENOENT) Fail(Described("SECCOMP_IOCTL_NOTIF_SEND", errno));
  return false;
}

bool Monitor::Thread::StillWaiting(uint64_t id) const {
  return ioctl(options_.listener.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

bool Monitor::Thread::IsHarmless(const std::string& path) const {
  return std::any_of(options_.harmlessPaths.begin(), options_.harmlessPaths.end(), [&](const std::string& harmless) {
    const bool prefix = !harmless.empty() && harmless.back() == '*';
    return prefix ? path.compare(0, harmless.size() - 1, harmless, 0, harmless.size() - 1) == 0 : path == harmless;
  });
}

}  // namespace sallyport
