#include "ring.h"

#include <algorithm>
#include <cstring>

namespace sallyport {
namespace {

// Store one's own flag, then look at the peer's index; publish one's own index, then look at the peer's flag: without a full
// barrier between, both can miss the other.
void FullBarrier() { std::atomic_thread_fence(std::memory_order_seq_cst); }

// A flag that is read first: an exchange alone would take its cache line from the peer each time.
bool TakeFlag(std::atomic<uint32_t>& flag) {
  return flag.load(std::memory_order_relaxed) != 0 && flag.exchange(0, std::memory_order_seq_cst) != 0;
}

}  // namespace

RingReader::RingReader(RingControl* control, const uint8_t* data, size_t capacity)
    : control_(control), data_(data), capacity_(capacity) {}

bool RingReader::Refresh() {
  const uint64_t head = control_->head.load(std::memory_order_acquire);
  // Unsigned: a head that went back is far ahead.
  if (head - head_ > capacity_ - (head_ - tail_)) return false;
  head_ = head;
  return true;
}

void RingReader::Take(uint8_t* into, size_t count) {
  const size_t at = size_t(tail_) & (capacity_ - 1);
  const size_t first = std::min(count, capacity_ - at);
  memcpy(into, data_ + at, first);
  memcpy(into + first, data_, count - first);
  tail_ += count;
  control_->tail.store(tail_, std::memory_order_release);
}

bool RingReader::ArmSleep() {
  const bool fresh = control_->sleeping.exchange(1, std::memory_order_seq_cst) == 0;
  FullBarrier();
  return fresh;
}

bool RingReader::TakeWaiting() {
  FullBarrier();
  return TakeFlag(control_->waiting);
}

RingWriter::RingWriter(RingControl* control, uint8_t* data, size_t capacity)
    : control_(control), data_(data), capacity_(capacity) {}

bool RingWriter::Refresh() {
  const uint64_t tail = control_->tail.load(std::memory_order_acquire);
  if (tail - tail_ > head_ - tail_) return false;
  tail_ = tail;
  attached_ = attached_ || control_->attached.load(std::memory_order_acquire) != 0;
  return true;
}

void RingWriter::Put(const uint8_t* bytes, size_t count) {
  const size_t at = size_t(head_) & (capacity_ - 1);
  const size_t first = std::min(count, capacity_ - at);
  memcpy(data_ + at, bytes, first);
  memcpy(data_, bytes + first, count - first);
  head_ += count;
}

void RingWriter::CountFd() { control_->fds.store(++fds_, std::memory_order_relaxed); }

void RingWriter::Publish() { control_->head.store(head_, std::memory_order_release); }

bool RingWriter::TakeSleeping() {
  FullBarrier();
  return TakeFlag(control_->sleeping);
}

bool RingWriter::ArmWait() {
  const bool fresh = control_->waiting.exchange(1, std::memory_order_seq_cst) == 0;
  FullBarrier();
  return fresh;
}

void RingWriter::TellCpu(uint32_t cpu) {
  if (cpu == cpu_) return;
  cpu_ = cpu;
  control_->cpu.store(cpu, std::memory_order_relaxed);
}

}  // namespace sallyport
