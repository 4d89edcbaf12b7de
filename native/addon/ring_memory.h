// The memory of two rings, mapped: one for each direction.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ring.h"

namespace sallyport {

class RingMemory {
 public:
  static constexpr size_t kLeastCapacity = 64 * 1024;
  static constexpr size_t kMostCapacity = 64 * 1024 * 1024;

  // Bytes of a memfd for two rings of `capacity` each.
  static constexpr size_t SizeFor(size_t capacity) { return kControlBytes + 2 * capacity; }

  // The fd stays the caller's, who has made sure that it is sealed and large enough. data() is null where it failed.
  RingMemory(int fd, size_t capacity);
  RingMemory(const RingMemory&) = delete;
  RingMemory& operator=(const RingMemory&) = delete;
  ~RingMemory();

  bool mapped() const { return base_ != nullptr; }
  size_t capacity() const { return capacity_; }
  // 0: from the broker to the sandboxee; 1: back.
  RingControl* control(size_t direction) const;
  uint8_t* data(size_t direction) const { return base_ + kControlBytes + direction * capacity_; }

 private:
  // A whole page of either size that Linux has on these machines.
  static constexpr size_t kControlBytes = 64 * 1024;

  uint8_t* base_ = nullptr;
  size_t capacity_;
};

}  // namespace sallyport
