#include "ring_memory.h"

#include <sys/mman.h>

namespace sallyport {

RingMemory::RingMemory(int fd, size_t capacity) : capacity_(capacity) {
  void* const address = mmap(nullptr, SizeFor(capacity), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (address != MAP_FAILED) base_ = static_cast<uint8_t*>(address);
}

RingMemory::~RingMemory() {
  if (mapped()) munmap(base_, SizeFor(capacity_));
}

RingControl* RingMemory::control(size_t direction) const {
  return reinterpret_cast<RingControl*>(base_ + direction * sizeof(RingControl));
}

}  // namespace sallyport
