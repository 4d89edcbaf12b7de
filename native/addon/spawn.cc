#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <string>
#include <vector>

#include "arguments.h"
#include "broker.h"
#include "clone_into.h"
#include "errors.h"
#include "owned_fds.h"
#include "threads.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

namespace sallyport {
namespace {

constexpr size_t kMostFds = 256;
constexpr size_t kMostArguments = 1024;
constexpr size_t kMostArgumentBytes = 128 * 1024;
constexpr size_t kStackBytes = 64 * 1024;

// Shared with the child, which runs in our memory until it has exec'd: nothing here may be allocated or freed meanwhile.
struct ChildPlan {
  const char* path;
  char* const* arguments;
  const int* fds;
  // Room for one number to each fd.
  int* parked;
  size_t fdCount;
  int error;
  const char* failedCall;
};

// A child that the parent waits for, stack and all: what vfork is, without two returns from one frame. CLONE_CLEAR_SIGHAND
// would spare the child nothing: every signal is blocked in it, and what is ignored stays ignored.
class ChildStack {
 public:
  ChildStack()
      : base_(mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {}
  ~ChildStack() {
    if (base_ != MAP_FAILED) munmap(base_, kStackBytes);
  }
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;

  bool usable() const { return base_ != MAP_FAILED; }
  void* base() const { return base_; }
  // Stacks grow downwards.
  void* top() const { return static_cast<char*>(base_) + kStackBytes; }

 private:
  void* const base_;
};

int Fail(ChildPlan* plan, const char* call) {
  plan->error = errno;
  plan->failedCall = call;
  return 127;
}

// Async-signal-safe calls alone from here on.
int RunChild(void* argument) {
  auto* const plan = static_cast<ChildPlan*>(argument);
  // Node ignores SIGPIPE and SIGXFSZ, and what is ignored stays so across exec.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal <= SIGRTMAX; signal++) sigaction(signal, &standard, nullptr);

  // Out of the way first: a source may have the number that another one is to get.
  for (size_t index = 0; index < plan->fdCount; index++) {
    plan->parked[index] = fcntl(plan->fds[index], F_DUPFD_CLOEXEC, int(plan->fdCount));
    if (plan->parked[index] < 0) return Fail(plan, "fcntl");
  }
  for (size_t index = 0; index < plan->fdCount; index++) {
    if (dup2(plan->parked[index], int(index)) < 0) return Fail(plan, "dup2");
  }
  if (syscall(SYS_close_range, unsigned(plan->fdCount), UINT_MAX, 0u) < 0) return Fail(plan, "close_range");

  char* const emptyEnvironment[] = {nullptr};
  execve(plan->path, plan->arguments, emptyEnvironment);
  return Fail(plan, "execve");
}

// No exit signal before exec, which makes it SIGCHLD: at that libuv asks after its own children alone.
constexpr int kChildFlags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;

pid_t CloneChild(ChildPlan* plan, const ChildStack& stack, int group, int* pidfd) {
  if (group < 0) return clone(RunChild, stack.top(), kChildFlags, plan, pidfd);
  return CloneIntoGroup({kChildFlags, pidfd, stack.base(), kStackBytes, group}, RunChild, plan);
}

Napi::Value Spawn(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = TextArgument(info[0], "path", PATH_MAX - 1);
  std::vector<std::string> texts = TextListArgument(info[1], "argv", kMostArguments, kMostArgumentBytes);
  const std::vector<int> fds = FdListArgument(info[2], "fds", kMostFds);
  const int group = info[3].IsUndefined() ? -1 : FdArgument(info[3], "group");
  if (texts.empty()) throw OutOfRange(env, "'argv' must at least have the name of the program");

  std::vector<char*> arguments;
  arguments.reserve(texts.size() + 1);
  for (std::string& text : texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  std::vector<int> parked(fds.size(), -1);
  ChildPlan plan{path.c_str(), arguments.data(), fds.data(), parked.data(), fds.size(), 0, nullptr};
  const ChildStack stack;
  if (!stack.usable()) throw SystemError(env, errno, "mmap", "stack of the child");

  int pidfdNumber = -1;
  pid_t pid;
  int cloneError;
  {
    // The child inherits the mask: a handler of Node's that ran in it would run in our memory. The launcher unblocks.
    const AllSignalsBlocked blocked;
    pid = CloneChild(&plan, stack, group, &pidfdNumber);
    cloneError = errno;
  }
  if (pid < 0) throw SystemError(env, cloneError, group < 0 ? "clone" : "clone3", group < 0 ? "" : "into a control group");
  UniqueFd pidfd(pidfdNumber);
  if (plan.error != 0) {
    // Without exit signal a child is waited for with __WALL only.
    while (waitpid(pid, nullptr, __WALL) < 0 && errno == EINTR) continue;
    throw SystemError(env, plan.error, plan.failedCall, path);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("pid", Napi::Number::New(env, pid));
  result.Set("pidfd", Napi::Number::New(env, pidfd.get()));
  pidfd.Forget();
  return result;
}

}  // namespace

void DefineSpawn(Napi::Env env, Napi::Object exports) { exports.Set("spawn", Napi::Function::New(env, Spawn, "spawn")); }

}  // namespace sallyport
