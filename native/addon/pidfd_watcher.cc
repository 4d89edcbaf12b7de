#include <fcntl.h>
#include <napi.h>

#include <cerrno>
#include <string>

#include "arguments.h"
#include "broker.h"
#include "errors.h"
#include "owned_fds.h"
#include "poll_handle.h"

namespace sallyport {
namespace {

// Tells once that a process is no more. Holds itself until then, or until close().
class PidfdWatcher : public Napi::ObjectWrap<PidfdWatcher>, private PollListener {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "PidfdWatcher",
                       {
                           InstanceMethod("close", &PidfdWatcher::Close),
                           InstanceMethod("ref", &PidfdWatcher::RefLoop),
                           InstanceMethod("unref", &PidfdWatcher::UnrefLoop),
                       });
  }

  // new PidfdWatcher(pidfd, onExit). The pidfd stays the caller's.
  explicit PidfdWatcher(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PidfdWatcher>(info) {
    const Napi::Env env = info.Env();
    const int pidfd = FdArgument(info[0], "pidfd");
    const Napi::Function onExit = FunctionArgument(info[1], "onExit");
    // libuv takes a number once to a loop, and the caller may close its own at any time.
    fd_ = UniqueFd(fcntl(pidfd, F_DUPFD_CLOEXEC, 0));
    if (fd_.get() < 0) throw SystemError(env, errno, "fcntl", "F_DUPFD_CLOEXEC of pidfd " + std::to_string(pidfd));
    const Napi::String name = Napi::String::New(env, "sallyport:pidfd");
    if (napi_async_init(env, nullptr, name, &async_) != napi_ok) throw Napi::Error::New(env);
    poll_ = PollHandle::Open(env, fd_.get(), this);
    onExit_ = Napi::Persistent(onExit);
    poll_->Arm(UV_READABLE);
    Ref();
  }

  ~PidfdWatcher() {
    if (poll_ != nullptr) poll_->Close();
    if (async_ != nullptr) napi_async_destroy(Env(), async_);
  }

 private:
  void Close(const Napi::CallbackInfo&) { CloseNow(); }
  void RefLoop(const Napi::CallbackInfo&) {
    if (poll_ != nullptr) poll_->Ref();
  }
  void UnrefLoop(const Napi::CallbackInfo&) {
    if (poll_ != nullptr) poll_->Unref();
  }

  void OnPoll(int, int) override {
    const Napi::HandleScope scope(Env());
    const Napi::Value self = Value();
    const Napi::Function onExit = onExit_.Value();
    CloseNow();
    try {
      const Napi::CallbackScope callbackScope(Env(), async_);
      try {
        onExit.Call(self, {});
      } catch (const Napi::Error& error) {
        ReportUncaught(error);
      }
    } catch (const Napi::Error&) {
      // The environment is ending.
    }
  }
  void OnWake() override {}
  void OnEnvironmentEnd() override { CloseNow(); }

  void CloseNow() {
    if (poll_ == nullptr) return;
    std::exchange(poll_, nullptr)->Close();
    fd_.Reset();
    onExit_.Reset();
    Unref();
  }

  UniqueFd fd_;
  PollHandle* poll_ = nullptr;
  Napi::FunctionReference onExit_;
  napi_async_context async_ = nullptr;
};

}  // namespace

void DefinePidfdWatcher(Napi::Env env, Napi::Object exports) {
  exports.Set("PidfdWatcher", PidfdWatcher::Define(env));
}

}  // namespace sallyport
