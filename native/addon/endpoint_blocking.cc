// The blocking half, for a sandboxee that has nothing else to do than to wait for its broker.
#include <poll.h>
#include <time.h>

#include <cerrno>
#include <climits>

#include "endpoint.h"
#include "errors.h"

namespace sallyport {
namespace {

class Deadline {
 public:
  // -1: none.
  explicit Deadline(int64_t milliseconds) : end_(milliseconds < 0 ? -1 : Now() + milliseconds) {}

  // As poll() wants it.
  int Left() const {
    if (end_ < 0) return -1;
    const int64_t left = end_ - Now();
    return left < 0 ? 0 : int(left);
  }

 private:
  static int64_t Now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
  }

  const int64_t end_;
};

// False at the deadline. Error conditions count as ready: the call that follows finds out which.
bool WaitFor(Napi::Env env, int fd, short events, const Deadline& deadline) {
  pollfd waiting{fd, events, 0};
  for (;;) {
    const int ready = poll(&waiting, 1, deadline.Left());
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) throw SystemError(env, errno, "poll");
  }
}

}  // namespace

// What to wait for where something is queued.
short Endpoint::SendingEvents() const {
  if (!queue_.empty()) return POLLOUT;
  if (ring_ == nullptr || ring_->empty()) return 0;
  // Room in the ring is told by a record.
  return ring_->wantsSocket() ? POLLIN | POLLOUT : POLLIN;
}

int Endpoint::FlushBlocking() {
  const int error = FlushAll(SIZE_MAX);
  if (error == 0) {
    drainOwed_ = true;
    WakeUp();
  }
  return error;
}

Endpoint::Methods Endpoint::BlockingMethods() {
  return {
      InstanceMethod("receiveSync", &Endpoint::ReceiveSync),
      InstanceMethod("writeSync", &Endpoint::WriteSync),
  };
}

void Endpoint::WriteSync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  OwnedFds fds = TakeFdsArgument(info[1], "fds");
  const Deadline deadline(IntegerArgument(info[2], "timeoutMs", -1, INT_MAX));
  Submit(env, std::move(fds), BytesArgument(info[0], "bytes"));
  if (WritesRing()) ring_->Ring(fd_);
  while (QueuedBytes() > 0) {
    if (!WaitFor(env, fd_, SendingEvents(), deadline)) {
      UpdatePolling();
      throw SystemError(env, ETIMEDOUT, "writeSync", std::to_string(QueuedBytes()) + " bytes are still queued");
    }
    if (ReadsRing()) ReadRecords();
    const int error = FlushBlocking();
    if (error == 0 || error == EAGAIN) continue;
    FailSending(error);
    throw SystemError(env, error, "sendmsg");
  }
  if (ReadsRing()) NoteTraffic(0);
  UpdatePolling();
}

Napi::Value Endpoint::ReceiveSync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Deadline deadline(IntegerArgument(info[0], "timeoutMs", -1, INT_MAX));
  if (delivering_) throw SystemError(env, EDEADLK, "receiveSync", "called by onBatch itself");
  stalled_ = false;
  for (;;) {
    ThrowIfClosed(env);
    if (ended_) throw SystemError(env, ENOTCONN, "receiveSync", "the end of the connection was already reported");
    Gathered gathered;
    allowance_ = budget_;
    if (pendingEnd_ == kStatusOpen) gathered = Gather();
    if (gathered.bytes > 0 || !gathered.fds.empty() || gathered.truncated) {
      Deliver(std::move(gathered.fds), gathered.truncated ? kStatusControlTruncated : kStatusOpen);
      break;
    }
    if (pendingEnd_ != kStatusOpen) {
      Deliver(OwnedFds(), std::exchange(pendingEnd_, kStatusOpen));
      break;
    }
    if (stalled_) throw SystemError(env, ENOBUFS, "receiveSync", "the slab is full, and nothing of it was consumed");
    if (ReadsRing() && (SpinForBytes() || !ring_->Sleep())) continue;
    if (!WaitFor(env, fd_, POLLIN | (QueuedBytes() > 0 ? SendingEvents() : 0), deadline)) {
      return Napi::Boolean::New(env, false);
    }
    if (ReadsRing()) ReadRecords();
    if (QueuedBytes() == 0) continue;
    // The answer that we wait for may be to what is still queued.
    const int error = FlushBlocking();
    if (error != 0 && error != EAGAIN) FailSending(error);
  }
  SettleRing();
  UpdatePolling();
  return Napi::Boolean::New(env, true);
}

}  // namespace sallyport
