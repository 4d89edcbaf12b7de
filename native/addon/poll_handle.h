// A uv_poll_t, and a way to be called on the loop's next turn, that survive being closed in their own callback and the
// end of the environment (a worker_thread that is terminated).
#pragma once

#include <napi.h>
#include <uv.h>

namespace sallyport {

class PollListener {
 public:
  // `status` < 0: the kernel reported an error condition, and libuv has stopped the handle.
  virtual void OnPoll(int status, int events) = 0;
  // As asked by Wake().
  virtual void OnWake() = 0;
  // The environment ends: JavaScript can no longer be called. Must lead to Close().
  virtual void OnEnvironmentEnd() = 0;

 protected:
  ~PollListener() = default;
};

// Lives on the heap, frees itself once libuv has let go of it after Close().
class PollHandle {
 public:
  // Throws where the fd cannot be polled. `fd` is not owned, is made O_NONBLOCK, and must outlive Close().
  static PollHandle* Open(Napi::Env env, int fd, PollListener* listener);

  // UV_READABLE, UV_WRITABLE or both; 0 stops.
  void Arm(int events);
  void Wake();
  void Ref();
  void Unref();
  // The listener is not called again.
  void Close();

 private:
  PollHandle() = default;
  ~PollHandle() = default;

  static void OnPoll(uv_poll_t* handle, int status, int events);
  static void OnIdle(uv_idle_t* handle);
  static void OnClosed(uv_handle_t* handle);
  static void OnEnvironmentEnd(napi_async_cleanup_hook_handle hook, void* self);

  uv_poll_t poll_{};
  // Idle handles run once a turn and keep the loop from sleeping.
  uv_idle_t wake_{};
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  PollListener* listener_ = nullptr;
  int armed_ = 0;
  int openHandles_ = 2;
};

}  // namespace sallyport
