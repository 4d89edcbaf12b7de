#include "ring_link.h"

#include <algorithm>
#include <cerrno>

#include "receive.h"
#include "send_queue.h"

namespace sallyport {
namespace {

// A large write is published in parts, so that the peer copies out while we copy in.
constexpr size_t kPublishBytes = 64 * 1024;
constexpr size_t kRecordsPerRead = 64;
// Records read on one wake-up: the peer has at most a few outstanding, and none of them can wait for us.
constexpr size_t kReadsPerTurn = 8;
// A batch is delivered after so many fds, so that whoever is asked to hold them can say stop.
constexpr size_t kEnoughFds = 32;

constexpr size_t Direction(RingLink::Side side) { return side == RingLink::Side::Broker ? 0 : 1; }

}  // namespace

RingLink::RingLink(int fd, size_t capacity, Side side)
    : memory_(fd, capacity),
      writer_(memory_.control(Direction(side)), memory_.data(Direction(side)), capacity),
      reader_(memory_.control(1 - Direction(side)), memory_.data(1 - Direction(side)), capacity) {}

void RingLink::BeginReading(int socket) {
  reading_ = true;
  reader_.Attach();
  // What it queued meanwhile waits for this.
  if (reader_.TakeWaiting()) SendRecord(socket, kDoorbell, OwnedFds());
}

int RingLink::Submit(int socket, const uint8_t* bytes, size_t length, OwnedFds fds) {
  size_t pushed = 0;
  if (queue_.empty()) {
    const int error = Push(socket, bytes, length, fds, pushed);
    if (error != 0 && error != EAGAIN) return error;
  }
  if (pushed == length) return 0;
  const int error = CheckFds(fds);
  if (error == 0) queue_.Append(bytes + pushed, length - pushed, std::move(fds));
  return error;
}

// The peer that does not read its socket has something to read there already; one that is gone is found out by reading.
void RingLink::Ring(int socket) {
  if (reading_ && writer_.TakeSleeping()) SendRecord(socket, kDoorbell, OwnedFds());
}

int RingLink::Flush(int socket, size_t budget) {
  size_t spent = 0;
  while (!queue_.empty()) {
    if (spent >= budget) return EAGAIN;
    Chunk& front = queue_.front();
    size_t pushed = 0;
    const int error = Push(socket, front.data(), front.left(), front.fds, pushed);
    if (pushed > 0) queue_.Advance(pushed);
    spent += pushed;
    Ring(socket);
    if (error != 0) return error;
  }
  return 0;
}

int RingLink::Push(int socket, const uint8_t* bytes, size_t length, OwnedFds& fds, size_t& pushed) {
  wantsSocket_ = false;
  wantsRoom_ = false;
  if (!reading_) return EAGAIN;
  // Nobody sends more than one with a frame, and the peer would take it for an attack.
  if (fds.size() > 1) return EINVAL;
  while (pushed < length) {
    if (!writer_.Refresh()) return EPROTO;
    if (writer_.room() == 0) {
      const int error = AwaitRoom();
      wantsRoom_ = error == EAGAIN;
      if (error != 0) return error;
    }
    if (!fds.empty()) {
      // Before the frame's first byte can be seen.
      const int error = SendRecord(socket, writer_.head(), fds);
      wantsSocket_ = error == EAGAIN;
      if (error != 0) return error;
      fds.Clear();
      writer_.CountFd();
    }
    const size_t count = std::min({writer_.room(), length - pushed, kPublishBytes});
    writer_.Put(bytes + pushed, count);
    writer_.Publish();
    pushed += count;
    if (pushed < length) Ring(socket);
  }
  return 0;
}

int RingLink::AwaitRoom() {
  if (writer_.ArmWait()) records_.Expect();
  if (!writer_.Refresh()) return EPROTO;
  if (writer_.room() == 0) return EAGAIN;
  if (writer_.Disarm()) records_.Withdraw();
  return 0;
}

int RingLink::SendRecord(int socket, uint64_t record, const OwnedFds& fds) {
  iovec vector{&record, sizeof record};
  const ssize_t sent = SendOnce(socket, &vector, 1, fds);
  if (sent == ssize_t(sizeof record)) return 0;
  // So few bytes are one buffer of the kernel's: all or nothing.
  if (sent >= 0) return EPROTO;
  return IsTransient(int(-sent)) ? EAGAIN : int(-sent);
}

RingLink::Taken RingLink::Take(int socket, uint8_t* into, size_t room) {
  Taken taken;
  if (!frozen_ && !reader_.Refresh()) {
    taken.fault = RingFault::Index;
    return taken;
  }
  size_t count = std::min(reader_.available(), room);
  if (count > 0) count = FetchFds(socket, count, taken.fault);
  taken.truncated = truncated_;
  if (taken.fault != RingFault::None || taken.truncated) return taken;
  if (count > 0) {
    const uint64_t end = reader_.tail() + count;
    while (!held_.empty() && records_.positions().front() < end) {
      taken.fds.Add(held_.front().data()[0]);
      held_.front().Forget();
      held_.pop_front();
      records_.Pop();
    }
    reader_.Take(into, count);
    taken.bytes = count;
    if (reader_.TakeWaiting()) SendRecord(socket, kDoorbell, OwnedFds());
  }
  taken.dry = reader_.available() == 0 && LooksEmpty();
  return taken;
}

size_t RingLink::FetchFds(int socket, size_t count, RingFault& fault) {
  const uint64_t end = reader_.tail() + count;
  // Read after the head: what was published with the bytes at hand is counted in it.
  const uint64_t announced = reader_.PeersFds();
  const auto& positions = records_.positions();
  while (!frozen_ && int64_t(announced - records_.fds()) > 0 && held_.size() < kEnoughFds &&
         (positions.empty() || positions.back() < end)) {
    if (ReadOnce(socket, fault) == Read::Dry && fault == RingFault::None && !truncated_ && !frozen_) {
      fault = RingFault::FdCount;
    }
    if (fault != RingFault::None || truncated_) return 0;
  }
  // Of what lies behind the last that has come, others may be missing. Where the socket has ended, they never come.
  const bool behind = !frozen_ && int64_t(announced - records_.fds()) > 0;
  return behind && !positions.empty() ? std::min(count, size_t(positions.back() - reader_.tail())) : count;
}

RingFault RingLink::ReadSocket(int socket) {
  RingFault fault = RingFault::None;
  for (size_t reads = 0; reads < kReadsPerTurn && wantsRecords(); reads++) {
    if (ReadOnce(socket, fault) != Read::Some || fault != RingFault::None) break;
  }
  return fault;
}

bool RingLink::wantsRecords() const { return !frozen_ && !truncated_ && held_.size() < kEnoughFds; }

RingLink::Read RingLink::ReadOnce(int socket, RingFault& fault) {
  uint8_t bytes[kRecordsPerRead * kRecordSize];
  OwnedFds fds;
  const Received received = Receive(socket, bytes, sizeof bytes, fds);
  if (received.truncated) truncated_ = true;
  if (received.kind == Received::Kind::WouldBlock || truncated_) return Read::Dry;
  if (!reader_.Refresh()) {
    fault = RingFault::Index;
    return Read::Dry;
  }
  if (received.kind != Received::Kind::Data) {
    frozen_ = true;
    if (received.kind == Received::Kind::Failed) socketError_ = received.error;
    if (records_.torn()) fault = RingFault::Torn;
    return Read::Dry;
  }
  const size_t before = records_.positions().size();
  fault = records_.Feed(bytes, received.bytes, fds.size(), reader_.tail(), reader_.head(), memory_.capacity());
  if (fault != RingFault::None) return Read::Dry;
  const bool last = received.bytes < sizeof bytes && !received.carriedFds;
  if (records_.positions().size() > before) held_.push_back(std::move(loose_.empty() ? fds : loose_));
  else if (!fds.empty()) loose_ = std::move(fds);
  return last ? Read::Last : Read::Some;
}

bool RingLink::Sleep() {
  if (frozen_) return true;
  if (reader_.ArmSleep()) records_.Expect();
  if (reader_.LooksEmpty()) return true;
  StayAwake();
  return false;
}

void RingLink::StayAwake() {
  if (reader_.Disarm()) records_.Withdraw();
}

}  // namespace sallyport
