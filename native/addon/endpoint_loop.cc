// What the event loop calls.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>

#include "endpoint.h"
#include "errors.h"
#include "receive.h"

namespace sallyport {

// Nanoseconds. To turn the loop takes longer than a peer that is at it takes to answer; everybody else waits meanwhile.
constexpr uint64_t kTurn = 50'000;
// After so many a batch is delivered, so that whoever is asked to hold them can say stop before there are many more.
constexpr size_t kEnoughFds = 32;

template <typename Call>
void Endpoint::InCallbackScope(Call call) {
  const Napi::CallbackScope scope(Env(), async_);
  try {
    call();
  } catch (const Napi::Error& error) {
    ended_ = true;
    ReportUncaught(error);
  }
}

void Endpoint::OnPoll(int status, int events) {
  const Napi::HandleScope scope(Env());
  // close() in a callback lets go of the last reference; this one lasts until we are done.
  [[maybe_unused]] const Napi::Value self = Value();
  turning_ = true;
  try {
    // With an error condition (the peer reset the connection) what was received before can still be read.
    const bool failing = status < 0;
    if (ReadsRing()) ReadRecords();
    if (QueuedBytes() > 0 && ReadsRing()) {
      FlushQueued();
    } else if (!queue_.empty() && (failing || (events & UV_WRITABLE) != 0)) FlushQueued();
    if (Reading() && (failing || (events & UV_READABLE) != 0 || sendError_ != 0 || ReadsRing())) ReadThisTurn();
  } catch (const Napi::Error& error) {
    ended_ = true;
    ReportUncaught(error);
  }
  EndTurn();
}

void Endpoint::OnWake() {
  if (spinning_ && SpinOnce()) return;
  const Napi::HandleScope scope(Env());
  [[maybe_unused]] const Napi::Value self = Value();
  wakeRequested_ = false;
  turning_ = true;
  try {
    if (ReadsRing() && !ring_->empty()) FlushQueued();
    if (drainOwed_ && QueuedBytes() == 0 && !closed_) TellDrained();
    if (Reading() && filled_ > 0 && (!ReadsRing() || std::exchange(reoffer_, false))) {
      DeliverFromLoop(OwnedFds(), kStatusOpen);
    }
    if (Reading()) ReadThisTurn();
  } catch (const Napi::Error& error) {
    ended_ = true;
    ReportUncaught(error);
  }
  EndTurn();
}

void Endpoint::EndTurn() {
  turning_ = false;
  SettleRing();
  UpdatePolling();
}

void Endpoint::OnEnvironmentEnd() {
  if (!closed_) CloseNow();
}

void Endpoint::FlushQueued() {
  const int error = FlushAll(budget_);
  if (error == EAGAIN) return;
  if (error != 0) {
    FailSending(error);
    return;
  }
  TellDrained();
}

void Endpoint::TellDrained() {
  drainOwed_ = false;
  InCallbackScope([this] { onDrain_.Value().Call(Value(), {}); });
}

int Endpoint::FlushAll(size_t budget) {
  const int error = queue_.Flush(fd_, budget);
  return error == 0 && WritesRing() ? ring_->Flush(fd_, budget) : error;
}

void Endpoint::ReadThisTurn() {
  allowance_ = budget_;
  ReadWithinBudget();
  if (!ReadsRing()) return;
  const uint64_t end = Spin::Now() + kTurn;
  while (allowance_ > 0 && AnswersSoon(end)) {
    const Napi::HandleScope scope(Env());
    ReadWithinBudget();
  }
}

void Endpoint::ReadWithinBudget() {
  bool dry = false;
  while (Reading() && allowance_ > 0 && !dry) {
    if (pendingEnd_ == kStatusOpen) {
      Gathered gathered = Gather();
      allowance_ -= std::min(allowance_, gathered.bytes);
      dry = gathered.dry;
      const int status = gathered.truncated ? kStatusControlTruncated : kStatusOpen;
      if (gathered.bytes > 0 || !gathered.fds.empty() || status != kStatusOpen) {
        DeliverFromLoop(std::move(gathered.fds), status);
      }
    }
    if (pendingEnd_ != kStatusOpen && Reading()) {
      DeliverFromLoop(OwnedFds(), std::exchange(pendingEnd_, kStatusOpen));
    }
  }
}

Endpoint::Gathered Endpoint::Gather() {
  if (ReadsRing()) return GatherRing();
  Gathered gathered;
  const Bytes slab = Slab();
  if (filled_ >= slab.length) {
    stalled_ = true;
    gathered.dry = true;
    return gathered;
  }
  while (!gathered.dry && filled_ < slab.length && gathered.bytes < allowance_ &&
         gathered.fds.size() < kEnoughFds) {
    const size_t room = std::min(slab.length - filled_, allowance_ - gathered.bytes);
    const Received received = Receive(fd_, slab.data + filled_, room, gathered.fds);
    filled_ += received.bytes;
    gathered.bytes += received.bytes;
    if (received.truncated) {
      gathered.truncated = true;
      return gathered;
    }
    switch (received.kind) {
      case Received::Kind::Data:
        gathered.dry = received.bytes < room && !received.carriedFds;
        break;
      case Received::Kind::WouldBlock:
        gathered.dry = true;
        if (sendError_ != 0) pendingEnd_ = -sendError_;
        break;
      case Received::Kind::EndOfFile:
        gathered.dry = true;
        pendingEnd_ = kStatusEndOfFile;
        break;
      case Received::Kind::Failed:
        gathered.dry = true;
        pendingEnd_ = -received.error;
        break;
    }
  }
  return gathered;
}

void Endpoint::DeliverFromLoop(OwnedFds fds, int status) {
  InCallbackScope([&] { Deliver(std::move(fds), status); });
}

void Endpoint::Deliver(OwnedFds fds, int status) {
  const Napi::Env env = Env();
  Napi::Value list = env.Null();
  if (!fds.empty()) {
    Napi::Array array = Napi::Array::New(env, fds.size());
    uint32_t index = 0;
    // Fails where the environment is ending and JavaScript can no longer run: then the fds are still ours to close.
    for (const int fd : fds) array.Set(index++, Napi::Number::New(env, fd));
    list = array;
  }
  if (status != kStatusOpen) ended_ = true;
  delivering_ = true;
  fds.Forget();
  Napi::Value consumed;
  try {
    consumed = onBatch_.Value().Call(
        Value(), {Napi::Number::New(env, double(filled_)), list, Napi::Number::New(env, status)});
  } catch (...) {
    delivering_ = false;
    throw;
  }
  delivering_ = false;
  if (closed_ || status != kStatusOpen) return;

  const double count = consumed.IsNumber() ? consumed.As<Napi::Number>().DoubleValue() : -1;
  if (!(count >= 0 && count <= double(filled_) && std::trunc(count) == count)) {
    throw OutOfRange(env, "onBatch must return how many of the filled bytes it consumed");
  }
  const Bytes slab = Slab();
  if (slab.length < filled_) throw InvalidType(env, "'slab' was detached while bytes were in it");
  filled_ -= size_t(count);
  if (count > 0) memmove(slab.data, slab.data + size_t(count), filled_);
  if (filled_ == slab.length) stalled_ = true;
}

void Endpoint::UpdatePolling() {
  if (closed_ || poll_ == nullptr) return;
  int events = 0;
  if (ReadsRing()) {
    // What waits for room is told of it by the socket, also where nothing is read.
    if ((Reading() || !ring_->empty()) && ring_->wantsRecords()) events |= UV_READABLE;
    if (ring_->wantsSocket()) events |= UV_WRITABLE;
  } else if (Reading()) {
    events |= UV_READABLE;
  }
  if (!queue_.empty()) events |= UV_WRITABLE;
  poll_->Arm(events);
  HoldSelf(events != 0 || wakeRequested_);
}

void Endpoint::WakeUp() {
  if (closed_ || poll_ == nullptr) return;
  wakeRequested_ = true;
  poll_->Wake();
  HoldSelf(true);
}

void Endpoint::HoldSelf(bool hold) {
  if (hold == holdsSelf_) return;
  holdsSelf_ = hold;
  if (hold) {
    Ref();
  } else {
    Unref();
  }
}

}  // namespace sallyport
