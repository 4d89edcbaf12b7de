// A byte ring in memory that a hostile process writes to as well: one writes, the other reads. Index logic alone: no system
// call, no JavaScript.
//
// Each side keeps its own index in private memory and only publishes it. Every word that the peer writes is a hint: it is
// loaded once, and an index has to lie between what it was and what the ring can hold, or the ring is broken for good. So
// no copy ever leaves the ring, whatever the peer does, and whenever. Bytes are copied out before anybody looks at them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sallyport {

// Keeps words that different sides write out of each other's cache lines, neighbours that the processor prefetches included.
constexpr size_t kApart = 128;

// At the start of the shared memory, one for each direction. Zero bytes are its first state.
struct RingControl {
  // The producer's: bytes written ever, and among them, frames whose fd went over the socket.
  alignas(kApart) std::atomic<uint64_t> head;
  std::atomic<uint64_t> fds;
  // The consumer's: bytes read ever.
  alignas(kApart) std::atomic<uint64_t> tail;
  // 1: the consumer waits for bytes. Whoever takes it back to 0 rings.
  alignas(kApart) std::atomic<uint32_t> sleeping;
  // 1: the producer waits for room.
  alignas(kApart) std::atomic<uint32_t> waiting;
  // 1 from when the consumer reads here and no longer in the socket's stream.
  alignas(kApart) std::atomic<uint32_t> attached;
  // The CPU that the producer ran on last, plus 1.
  alignas(kApart) std::atomic<uint32_t> cpu;
};

static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free);
static_assert(sizeof(RingControl) == 6 * kApart);

class RingReader {
 public:
  // `capacity` is a power of two. Both outlive this.
  RingReader(RingControl* control, const uint8_t* data, size_t capacity);

  // Looks at how far the producer is. False: the peer broke the ring.
  bool Refresh();
  // As of the last Refresh().
  size_t available() const { return size_t(head_ - tail_); }
  uint64_t head() const { return head_; }
  uint64_t tail() const { return tail_; }
  // Cheaper than Refresh(), and proves nothing.
  bool LooksEmpty() const { return control_->head.load(std::memory_order_relaxed) == tail_; }

  // Copies out `count` bytes, at most available(), and frees their room.
  void Take(uint8_t* into, size_t count);

  void Attach() { control_->attached.store(1, std::memory_order_seq_cst); }
  // After this, and a Refresh() that finds nothing, one may sleep: the producer rings. False: it was armed already.
  bool ArmSleep();
  // False: the producer has taken it back, and rings or has rung.
  bool Disarm() { return control_->sleeping.exchange(0, std::memory_order_seq_cst) != 0; }
  // The producer waits for room, and is to be rung.
  bool TakeWaiting();
  uint64_t PeersFds() const { return control_->fds.load(std::memory_order_relaxed); }
  uint32_t PeersCpu() const { return control_->cpu.load(std::memory_order_relaxed); }

 private:
  RingControl* const control_;
  const uint8_t* const data_;
  const size_t capacity_;
  uint64_t head_ = 0;
  uint64_t tail_ = 0;
};

class RingWriter {
 public:
  RingWriter(RingControl* control, uint8_t* data, size_t capacity);

  // Looks at how far the consumer is. False: the peer broke the ring.
  bool Refresh();
  // As of the last Refresh(). 0 before the consumer has attached.
  size_t room() const { return attached_ ? capacity_ - size_t(head_ - tail_) : 0; }
  uint64_t head() const { return head_; }

  // Copies in `count` bytes, at most room(). The consumer sees them once they are published.
  void Put(const uint8_t* bytes, size_t count);
  // The fd of the frame that begins at head() is on the socket.
  void CountFd();
  void Publish();

  // The consumer sleeps, and is to be rung. After Publish().
  bool TakeSleeping();
  // After this, and a Refresh() that finds no room, one may wait: the consumer rings. False: it was armed already.
  bool ArmWait();
  // False: the consumer has taken it back, and rings or has rung.
  bool Disarm() { return control_->waiting.exchange(0, std::memory_order_seq_cst) != 0; }
  void TellCpu(uint32_t cpu);

 private:
  RingControl* const control_;
  uint8_t* const data_;
  const size_t capacity_;
  uint64_t head_ = 0;
  uint64_t tail_ = 0;
  uint64_t fds_ = 0;
  uint32_t cpu_ = 0;
  bool attached_ = false;
};

}  // namespace sallyport
