// An endpoint whose bytes go through rings: how it changes over, and when it looks, sleeps or spins.
#include <algorithm>

#include "endpoint.h"
#include "errors.h"
#include "mapping.h"

namespace sallyport {
namespace {

// In one go, between which the loop looks at everything else.
constexpr uint64_t kSpinStep = 5'000;
constexpr uint32_t kLooksPerClock = 16;
// By way of the slab, which stays in the cache; the rest of a large frame is pulled.
constexpr size_t kBatchBytes = 16 * 1024;
constexpr int64_t kLongestSpin = 1'000'000;

}  // namespace

void Endpoint::MapRing(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ThrowIfClosed(env);
  const int fd = FdArgument(info[0], "fd");
  const Napi::Object options = ObjectArgument(info[1], "options");
  const int64_t capacity = IntegerArgument(options.Get("capacity"), "capacity", RingMemory::kLeastCapacity,
                                           RingMemory::kMostCapacity);
  if ((capacity & (capacity - 1)) != 0) throw OutOfRange(env, "'capacity' must be a power of two");
  const bool broker = BooleanArgument(options.Get("broker"), "broker");
  const int64_t spin = IntegerArgument(options.Get("spin"), "spin", 0, kLongestSpin);
  if (ring_ != nullptr) throw SystemError(env, EALREADY, "mapRing", "the endpoint has a ring");
  CheckMappable(env, fd, int64_t(RingMemory::SizeFor(size_t(capacity))));
  auto ring = std::make_unique<RingLink>(fd, size_t(capacity),
                                         broker ? RingLink::Side::Broker : RingLink::Side::Sandboxee);
  if (!ring->mapped()) throw SystemError(env, errno, "mmap", "fd " + std::to_string(fd));
  ring_ = std::move(ring);
  spin_ = Spin(uint64_t(spin));
}

void Endpoint::WriteRing(const Napi::CallbackInfo& info) {
  ThrowIfClosed(info.Env());
  if (ring_ == nullptr) throw SystemError(info.Env(), EINVAL, "writeRing", "no ring is mapped");
  ring_->BeginWriting();
  SettleRing();
  UpdatePolling();
}

void Endpoint::ReadRing(const Napi::CallbackInfo& info) {
  ThrowIfClosed(info.Env());
  if (ring_ == nullptr) throw SystemError(info.Env(), EINVAL, "readRing", "no ring is mapped");
  ring_->BeginReading(fd_);
  WakeUp();
  UpdatePolling();
}

void Endpoint::DropRing(const Napi::CallbackInfo& info) {
  ThrowIfClosed(info.Env());
  if (ReadsRing()) throw SystemError(info.Env(), EINVAL, "dropRing", "the ring is in use");
  if (ring_ == nullptr) return;
  const std::unique_ptr<RingLink> ring = std::move(ring_);
  while (!ring->empty()) {
    Chunk chunk = ring->queue().Take();
    const int error = queue_.Submit(fd_, chunk.data(), chunk.left(), std::move(chunk.fds));
    if (error == 0) continue;
    FailSending(error);
    break;
  }
  UpdatePolling();
}

void Endpoint::BreakRing(RingFault fault) {
  if (pendingEnd_ == kStatusOpen) pendingEnd_ = kStatusRing - int(fault);
}

void Endpoint::ReadRecords() {
  const RingFault fault = ring_->ReadSocket(fd_);
  if (fault != RingFault::None) BreakRing(fault);
}

Endpoint::Gathered Endpoint::GatherRing() {
  Gathered gathered;
  const Bytes slab = Slab();
  if (filled_ >= slab.length) {
    stalled_ = true;
    gathered.dry = true;
    return gathered;
  }
  RingLink::Taken taken = ring_->Take(fd_, slab.data + filled_, std::min({slab.length - filled_, allowance_, kBatchBytes}));
  filled_ += taken.bytes;
  gathered.bytes = taken.bytes;
  gathered.fds = std::move(taken.fds);
  gathered.truncated = taken.truncated;
  gathered.dry = taken.dry || taken.bytes == 0;
  if (taken.bytes > 0) NoteTraffic(taken.bytes);
  if (taken.fault != RingFault::None) {
    BreakRing(taken.fault);
  } else if (taken.dry && ring_->ended()) {
    pendingEnd_ = ring_->socketError() == 0 ? kStatusEndOfFile : -ring_->socketError();
  } else if (taken.dry && sendError_ != 0) {
    pendingEnd_ = sendError_ == EPROTO ? kStatusRing - int(RingFault::Index) : -sendError_;
  }
  return gathered;
}

// For onBatch: the rest of a large frame goes where it belongs, and not by way of the slab.
Napi::Value Endpoint::Pull(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ThrowIfClosed(env);
  const Bytes target = BytesArgument(info[0], "target");
  const size_t from = size_t(IntegerArgument(info[1], "from", 0, int64_t(target.length)));
  const size_t to = size_t(IntegerArgument(info[2], "to", int64_t(from), int64_t(target.length)));
  if (!delivering_ || !ReadsRing() || pendingEnd_ != kStatusOpen) return Napi::Number::New(env, 0);
  const RingLink::Taken taken = ring_->Take(fd_, target.data + from, std::min(to - from, allowance_));
  allowance_ -= taken.bytes;
  if (taken.fault != RingFault::None) {
    BreakRing(taken.fault);
  } else if (!taken.fds.empty()) {
    BreakRing(RingFault::FdPosition);
  }
  return Napi::Number::New(env, double(taken.bytes));
}

void Endpoint::NoteTraffic(size_t received) { spin_.Traffic(Spin::Now(), received); }

bool Endpoint::MaySpin(uint64_t now) {
  const uint32_t own = Spin::OwnCpu();
  ring_->TellCpu(own);
  return spin_.May(now, own, ring_->PeersCpu());
}

void Endpoint::SettleRing() {
  spinning_ = false;
  if (closed_ || !ReadsRing() || poll_ == nullptr) return;
  if (ring_->wantsFlush()) WakeUp();
  if (!Reading()) {
    ring_->StayAwake();
    return;
  }
  if (pendingEnd_ != kStatusOpen || !ring_->LooksEmpty()) {
    WakeUp();
  } else if (MaySpin(Spin::Now())) {
    ring_->StayAwake();
    spinning_ = true;
    WakeUp();
  } else if (!ring_->Sleep()) {
    WakeUp();
  }
}

bool Endpoint::SpinOnce() {
  if (closed_ || !ReadsRing() || !Reading() || !ring_->empty()) return false;
  uint64_t now = Spin::Now();
  if (LooksFor(now, now + kSpinStep) || !MaySpin(now)) return false;
  poll_->Wake();
  return true;
}

bool Endpoint::AnswersSoon(uint64_t end) {
  if (closed_ || !Reading() || !ring_->empty() || pendingEnd_ != kStatusOpen) return false;
  uint64_t now = Spin::Now();
  return now < end && MaySpin(now) && LooksFor(now, std::min(end, now + kSpinStep));
}

bool Endpoint::LooksFor(uint64_t& now, uint64_t end) {
  const uint64_t start = now;
  while (now < end) {
    for (uint32_t looks = 0; looks < kLooksPerClock; looks++) {
      if (!ring_->LooksEmpty()) return true;
      Spin::Relax();
    }
    now = Spin::Now();
  }
  spin_.Spend(now - start);
  return false;
}

bool Endpoint::SpinForBytes() {
  if (!ring_->LooksEmpty()) return true;
  const uint64_t start = Spin::Now();
  if (!MaySpin(start) || !ring_->empty()) return false;
  ring_->StayAwake();
  uint64_t now = start;
  while (spin_.May(now, 0, 1)) {
    for (uint32_t looks = 0; looks < kLooksPerClock; looks++) {
      if (!ring_->LooksEmpty()) return true;
      Spin::Relax();
    }
    const uint64_t later = Spin::Now();
    spin_.Spend(later - now);
    now = later;
  }
  return false;
}

}  // namespace sallyport
