#include "ring_records.h"

#include <cstring>

namespace sallyport {

RingFault RingRecords::Feed(const uint8_t* bytes, size_t count, size_t fds, uint64_t tail, uint64_t head,
                            size_t capacity) {
  loose_ += fds;
  if (loose_ > 1) return RingFault::FdRecord;
  for (size_t index = 0; index < count; index++) {
    partial_[used_++] = bytes[index];
    if (used_ < kRecordSize) continue;
    used_ = 0;
    uint64_t record;
    memcpy(&record, partial_, sizeof record);
    const RingFault fault = Complete(record, tail, head, capacity);
    if (fault != RingFault::None) return fault;
  }
  // It may still be that of the record which is not whole.
  return loose_ > 0 && used_ == 0 ? RingFault::FdRecord : RingFault::None;
}

RingFault RingRecords::Complete(uint64_t record, uint64_t tail, uint64_t head, size_t capacity) {
  if (record == kDoorbell) {
    if (expected_ == 0) return RingFault::Doorbells;
    expected_--;
    return RingFault::None;
  }
  if (loose_ == 0) return RingFault::FdRecord;
  // Not taken yet, within the ring, each after the one before; and a producer that says the next has published the last.
  if (record - tail > capacity) return RingFault::FdPosition;
  if (!positions_.empty() && (record <= positions_.back() || positions_.back() >= head)) return RingFault::FdPosition;
  loose_ = 0;
  fds_++;
  positions_.push_back(record);
  return RingFault::None;
}

}  // namespace sallyport
