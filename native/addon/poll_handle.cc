#include "poll_handle.h"

#include <memory>
#include <string>

#include "errors.h"

namespace sallyport {

PollHandle* PollHandle::Open(Napi::Env env, int fd, PollListener* listener) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) throw Napi::Error::New(env);
  auto* self = new PollHandle();
  const int refused = uv_poll_init(loop, &self->poll_, fd);
  if (refused < 0) {
    delete self;
    throw SystemError(env, -refused, "uv_poll_init", "fd " + std::to_string(fd));
  }
  uv_idle_init(loop, &self->wake_);
  self->poll_.data = self;
  self->wake_.data = self;
  self->listener_ = listener;
  // Asynchronous, so that a worker_thread's loop is not torn down before OnClosed has run.
  if (napi_add_async_cleanup_hook(env, OnEnvironmentEnd, self, &self->cleanup_) != napi_ok) {
    self->Close();
    throw Napi::Error::New(env, "the environment is ending");
  }
  return self;
}

void PollHandle::Arm(int events) {
  if (events == armed_) return;
  armed_ = events;
  if (events == 0) {
    uv_poll_stop(&poll_);
  } else {
    uv_poll_start(&poll_, events, OnPoll);
  }
}

void PollHandle::Wake() { uv_idle_start(&wake_, OnIdle); }

void PollHandle::Ref() {
  uv_ref(reinterpret_cast<uv_handle_t*>(&poll_));
  uv_ref(reinterpret_cast<uv_handle_t*>(&wake_));
}

void PollHandle::Unref() {
  uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));
  uv_unref(reinterpret_cast<uv_handle_t*>(&wake_));
}

void PollHandle::Close() {
  if (listener_ == nullptr) return;
  listener_ = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), OnClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), OnClosed);
}

void PollHandle::OnPoll(uv_poll_t* handle, int status, int events) {
  auto* self = static_cast<PollHandle*>(handle->data);
  if (status < 0) self->armed_ = 0;
  if (self->listener_ != nullptr) self->listener_->OnPoll(status, events);
}

void PollHandle::OnIdle(uv_idle_t* handle) {
  uv_idle_stop(handle);
  auto* self = static_cast<PollHandle*>(handle->data);
  if (self->listener_ != nullptr) self->listener_->OnWake();
}

void PollHandle::OnClosed(uv_handle_t* handle) {
  auto* self = static_cast<PollHandle*>(handle->data);
  if (--self->openHandles_ > 0) return;
  if (self->cleanup_ != nullptr) napi_remove_async_cleanup_hook(self->cleanup_);
  delete self;
}

void PollHandle::OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) {
  auto* self = static_cast<PollHandle*>(data);
  // Where Close() came first, OnClosed is on its way, and removes the hook.
  if (self->listener_ == nullptr) return;
  self->listener_->OnEnvironmentEnd();
  self->Close();
}

}  // namespace sallyport
