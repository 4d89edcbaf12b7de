// The moment from which this process is untrusted and filtered: one synchronous call, with nothing in between.
#include "gate.h"

#include <dirent.h>
#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "arguments.h"
#include "errors.h"
#include "seccomp_abi.h"

namespace sallyport {
namespace {

constexpr size_t kMostInstructions = 4096;

// After the filter no more than sendmsg, poll and close: nothing is allocated, nothing is looked up. Returns 0 or errno.
int SendAll(int socket, const Bytes& frame, const int* fd) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  size_t sent = 0;
  while (sent < frame.length) {
    iovec vector{frame.data + sent, frame.length - sent};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (fd != nullptr && sent == 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      memcpy(CMSG_DATA(header), fd, sizeof(int));
    }
    const ssize_t taken = sendmsg(socket, &message, MSG_NOSIGNAL);
    if (taken >= 0) {
      sent += size_t(taken);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return errno;
    // The event loop has made the socket non-blocking.
    pollfd writable{socket, POLLOUT, 0};
    if (poll(&writable, 1, -1) < 0 && errno != EINTR) return errno;
  }
  return 0;
}

// -1 where the kernel does not say.
int FilterCount(const char* tid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%s/status", tid);
  FILE* const status = fopen(path, "re");
  if (status == nullptr) return -1;
  int count = -1;
  char line[256];
  while (count < 0 && fgets(line, sizeof line, status) != nullptr) sscanf(line, "Seccomp_filters: %d", &count);
  fclose(status);
  return count;
}

// With TSYNC_ESRCH the kernel does not say which thread it was that has filters of its own.
std::string DivergedThread() {
  const std::string self = std::to_string(syscall(SYS_gettid));
  const int ours = FilterCount(self.c_str());
  DIR* const tasks = opendir("/proc/self/task");
  std::string diverged = "a thread that has ended since";
  if (tasks == nullptr) return "a thread";
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] == '.' || FilterCount(entry->d_name) == ours) continue;
    diverged = std::string("thread ") + entry->d_name;
    break;
  }
  closedir(tasks);
  return diverged;
}

// ENOTSUPP is the kernel's own errno. Most kernels have no interpreter, and their JIT for x86-64 does not come to an end on
// a few valid filters ("bpf_jit: fatal error" in the kernel's log; seen on 6.18).
constexpr int kNotTranslated = 524;

Napi::Error InstallError(Napi::Env env, int error) {
  if (error == kNotTranslated) {
    return SystemError(env, error, "seccomp",
                       "this kernel's JIT cannot translate the filter, which is valid; change the policy by a rule");
  }
  if (error != ESRCH) return SystemError(env, error, "seccomp");
  return SystemError(env, error, "seccomp",
                     DivergedThread() + " has installed a seccomp filter of its own, so that ours cannot cover it");
}

void EnterGate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int comms = FdArgument(info[0], "commsFd");
  const Bytes program = BytesArgument(info[1], "program");
  const auto flags = static_cast<unsigned long>(IntegerArgument(info[2], "flags", 0, UINT_MAX));
  const Bytes listenerFrame = BytesArgument(info[3], "listenerFrame");
  const Bytes sealedFrame = BytesArgument(info[4], "sealedFrame");
  const size_t instructions = program.length / sizeof(sock_filter);
  if (program.length % sizeof(sock_filter) != 0 || instructions == 0 || instructions > kMostInstructions) {
    throw OutOfRange(env, "'program' must be 1 to 4096 instructions of 8 bytes");
  }
  if ((flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0) throw OutOfRange(env, "'flags' must ask for a listener");
  if (listenerFrame.length == 0 || sealedFrame.length == 0) throw OutOfRange(env, "both frames must have bytes");

  // Node ignores it; a write past RLIMIT_FSIZE is to end the process, so that the broker can name the limit.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGXFSZ, &standard, nullptr);

  const sock_fprog filter{static_cast<unsigned short>(instructions), reinterpret_cast<sock_filter*>(program.data)};
  const int listener = int(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter));
  if (listener < 0) throw InstallError(env, errno);
  const int listenerError = SendAll(comms, listenerFrame, &listener);
  // Whoever holds it can answer the questions that it asks itself.
  ::close(listener);
  const int error = listenerError != 0 ? listenerError : SendAll(comms, sealedFrame, nullptr);
  if (error != 0) throw SystemError(env, error, "sendmsg", "the filter is in force, but the broker is gone");
}

}  // namespace

void DefineGate(Napi::Env env, Napi::Object exports) {
  exports.Set("enterGate", Napi::Function::New(env, EnterGate, "enterGate"));
}

}  // namespace sallyport
