// What the socket carries once the bytes go through the rings: records of 8 bytes, a doorbell or the position in the ring at
// which a frame begins whose fd comes with the record. They come from a peer that may be hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace sallyport {

constexpr size_t kRecordSize = 8;
constexpr uint64_t kDoorbell = ~uint64_t{0};

enum class RingFault {
  None,
  // An index went back, or ahead of what the ring holds.
  Index,
  // More doorbells than there were calls for one.
  Doorbells,
  // An fd without its record, a record without its fd, or more than one.
  FdRecord,
  // A record for a place where no frame can begin now.
  FdPosition,
  // The ring counts fds that are not on the socket.
  FdCount,
  // The socket ended inside a record.
  Torn,
};

// Pairs records with fds, which it does not own: `fds` that came with the last bytes are only counted here.
class RingRecords {
 public:
  // One read of the socket. The kernel ends a read behind the message that brought fds, so that they belong to the last
  // record that begins in it. `head` is the reader's, refreshed after the read.
  RingFault Feed(const uint8_t* bytes, size_t count, size_t fds, uint64_t tail, uint64_t head, size_t capacity);
  // The peer was asked to ring, and was asked no longer before it had begun to.
  void Expect() { expected_++; }
  void Withdraw() { expected_--; }

  // Positions of fds that have come and whose frames were not taken, ascending.
  const std::deque<uint64_t>& positions() const { return positions_; }
  void Pop() { positions_.pop_front(); }
  uint64_t fds() const { return fds_; }
  bool torn() const { return used_ != 0; }

 private:
  RingFault Complete(uint64_t record, uint64_t tail, uint64_t head, size_t capacity);

  uint8_t partial_[kRecordSize] = {};
  size_t used_ = 0;
  size_t loose_ = 0;
  uint64_t expected_ = 0;
  uint64_t fds_ = 0;
  std::deque<uint64_t> positions_;
};

}  // namespace sallyport
