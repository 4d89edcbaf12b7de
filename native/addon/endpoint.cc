// What JavaScript calls. The callbacks from the loop are in endpoint_loop.cc.
#include "endpoint.h"

#include <sys/socket.h>

#include <cerrno>
#include <climits>
#include <string>

#include "errors.h"

namespace sallyport {
namespace {

int SocketOption(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -errno;
}

void CheckSocket(Napi::Env env, int fd) {
  const int domain = SocketOption(fd, SO_DOMAIN);
  if (domain < -1) throw SystemError(env, -domain, "getsockopt", "fd " + std::to_string(fd));
  if (domain != AF_UNIX || SocketOption(fd, SO_TYPE) != SOCK_STREAM) {
    throw SystemError(env, EPROTOTYPE, "Endpoint", "fd " + std::to_string(fd) + " is not a unix stream socket");
  }
}

// All others concern this one message: EBADF, say, is one of the fds that it was to carry.
bool EndsConnection(int error) {
  return error == EPROTO || error == EPIPE || error == ECONNRESET || error == ENOTCONN || error == ESHUTDOWN;
}

}  // namespace

Napi::Function Endpoint::Define(Napi::Env env, const Methods& more) {
  Methods methods{
      InstanceMethod("start", &Endpoint::Start),         InstanceMethod("pause", &Endpoint::Pause),
      InstanceMethod("resume", &Endpoint::Resume),       InstanceMethod("ref", &Endpoint::RefLoop),
      InstanceMethod("unref", &Endpoint::UnrefLoop),     InstanceMethod("write", &Endpoint::Write),
      InstanceMethod("publish", &Endpoint::Publish),
      InstanceMethod("mapRing", &Endpoint::MapRing),     InstanceMethod("writeRing", &Endpoint::WriteRing),
      InstanceMethod("readRing", &Endpoint::ReadRing),   InstanceMethod("dropRing", &Endpoint::DropRing),
      InstanceMethod("pull", &Endpoint::Pull),
      InstanceMethod("shutdown", &Endpoint::Shutdown),   InstanceMethod("close", &Endpoint::Close),
      InstanceAccessor<&Endpoint::Queued>("queued"),
  };
  methods.insert(methods.end(), more.begin(), more.end());
  return DefineClass(env, "Endpoint", methods);
}

Endpoint::Endpoint(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Endpoint>(info) {
  const Napi::Env env = info.Env();
  const int fd = FdArgument(info[0], "fd");
  const Napi::Object options = ObjectArgument(info[1], "options");
  const Napi::Value slab = options.Get("slab");
  if (BytesArgument(slab, "slab").length == 0) throw OutOfRange(env, "'slab' must not be empty");
  budget_ = size_t(IntegerArgument(options.Get("budget"), "budget", 1, INT_MAX));
  keepFd_ = BooleanArgument(options.Get("keepFd"), "keepFd");
  const Napi::Function onBatch = FunctionArgument(info[2], "onBatch");
  const Napi::Function onDrain = FunctionArgument(info[3], "onDrain");
  CheckSocket(env, fd);

  const Napi::Object self = info.This().As<Napi::Object>();
  // Node 26 holds on to the resource of an asynchronous context, so that it cannot be ourselves; before, nobody does.
  const Napi::Object resource = Napi::Object::New(env);
  Napi::Array held = Napi::Array::New(env, 4);
  held.Set(0u, slab);
  held.Set(1u, onBatch);
  held.Set(2u, onDrain);
  held.Set(3u, resource);
  self.DefineProperty(Napi::PropertyDescriptor::Value("held", held, napi_default));
  slab_ = Napi::Weak(slab.As<Napi::Object>());
  onBatch_ = Napi::Weak(onBatch);
  onDrain_ = Napi::Weak(onDrain);

  const Napi::String name = Napi::String::New(env, "sallyport:endpoint");
  if (napi_async_init(env, resource, name, &async_) != napi_ok) throw Napi::Error::New(env);
  fd_ = fd;
}

Endpoint::~Endpoint() {
  // The wrapper object is gone: there is no self to let go of.
  holdsSelf_ = false;
  if (!closed_) CloseNow();
  if (async_ != nullptr) napi_async_destroy(Env(), async_);
}

void Endpoint::ThrowIfClosed(Napi::Env env) const {
  if (closed_) throw SystemError(env, EBADF, "Endpoint", "the endpoint is closed");
}

void Endpoint::Start(const Napi::CallbackInfo& info) {
  ThrowIfClosed(info.Env());
  if (started_) return;
  poll_ = PollHandle::Open(info.Env(), fd_, this);
  started_ = true;
  if (!referenced_) poll_->Unref();
  if (HasUnreported()) WakeUp();
  SettleRing();
  UpdatePolling();
}

void Endpoint::Pause(const Napi::CallbackInfo&) {
  paused_ = true;
  UpdatePolling();
}

void Endpoint::Resume(const Napi::CallbackInfo&) {
  paused_ = false;
  stalled_ = false;
  reoffer_ = true;
  if (HasUnreported()) WakeUp();
  SettleRing();
  UpdatePolling();
}

void Endpoint::RefLoop(const Napi::CallbackInfo&) {
  referenced_ = true;
  if (poll_ != nullptr) poll_->Ref();
}

void Endpoint::UnrefLoop(const Napi::CallbackInfo&) {
  referenced_ = false;
  if (poll_ != nullptr) poll_->Unref();
}

Napi::Value Endpoint::Write(const Napi::CallbackInfo& info) {
  // First of all, so that they are closed whatever is wrong with the rest.
  OwnedFds fds = TakeFdsArgument(info[1], "fds");
  Submit(info.Env(), std::move(fds), BytesArgument(info[0], "bytes"));
  if (WritesRing()) ring_->Ring(fd_);
  AfterWriting();
  return Napi::Number::New(info.Env(), double(QueuedBytes()));
}

Napi::Value Endpoint::Publish(const Napi::CallbackInfo& info) {
  Bytes bytes = BytesArgument(info[0], "bytes");
  bytes.length = size_t(IntegerArgument(info[1], "length", 0, int64_t(bytes.length)));
  Submit(info.Env(), OwnedFds(), bytes);
  return Napi::Number::New(info.Env(), double(QueuedBytes()));
}

void Endpoint::AfterWriting() {
  if (ReadsRing()) NoteTraffic(0);
  // Else at its end.
  if (turning_) return;
  SettleRing();
  UpdatePolling();
}

void Endpoint::Submit(Napi::Env env, OwnedFds fds, const Bytes& bytes) {
  ThrowIfClosed(env);
  if (sendError_ != 0) throw SystemError(env, sendError_, "sendmsg");
  if (bytes.length == 0) {
    if (!fds.empty()) throw OutOfRange(env, "'bytes' must not be empty where fds are sent: they travel with the first");
    return;
  }
  const int error = WritesRing() ? ring_->Submit(fd_, bytes.data, bytes.length, std::move(fds))
                                 : queue_.Submit(fd_, bytes.data, bytes.length, std::move(fds));
  if (error == 0) return;
  if (EndsConnection(error)) FailSending(error);
  throw SystemError(env, error, "sendmsg");
}

void Endpoint::FailSending(int error) {
  sendError_ = error;
  queue_.Clear();
  if (ring_) ring_->queue().Clear();
  // A peer that only shut down its reading side gives no event that would tell.
  WakeUp();
}

Napi::Value Endpoint::Queued(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), double(QueuedBytes()));
}

void Endpoint::Shutdown(const Napi::CallbackInfo& info) {
  ThrowIfClosed(info.Env());
  // ENOTCONN: the peer is gone already.
  if (::shutdown(fd_, SHUT_RDWR) < 0 && errno != ENOTCONN) throw SystemError(info.Env(), errno, "shutdown");
}

void Endpoint::Close(const Napi::CallbackInfo&) {
  if (!closed_) CloseNow();
}

void Endpoint::CloseNow() {
  closed_ = true;
  if (poll_ != nullptr) std::exchange(poll_, nullptr)->Close();
  queue_.Clear();
  ring_.reset();
  const int fd = std::exchange(fd_, -1);
  if (fd >= 0 && !keepFd_) {
    // The peer reads the end at once, though the reaper has yet to close: fds that nobody received are in the socket's
    // queue, and dropping them can block.
    ::shutdown(fd, SHUT_RDWR);
    Release(fd);
  }
  wakeRequested_ = false;
  HoldSelf(false);
}

Bytes Endpoint::Slab() const {
  const Napi::Value slab = slab_.Value();
  if (slab.IsEmpty()) return {nullptr, 0};
  napi_typedarray_type type;
  Bytes bytes{nullptr, 0};
  void* data = nullptr;
  // Asked anew each time: JavaScript may have detached it.
  if (napi_get_typedarray_info(slab.Env(), slab, &type, &bytes.length, &data, nullptr, nullptr) != napi_ok) {
    return {nullptr, 0};
  }
  bytes.data = static_cast<uint8_t*>(data);
  if (data == nullptr) bytes.length = 0;
  return bytes;
}

}  // namespace sallyport
