// Whether to look at the ring again and again rather than to sleep: a wake-up from another CPU costs thirty times what an
// answer takes that is waited for. Bounded, so that a peer cannot have us burn a CPU by staying about to speak.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sallyport {

class Spin {
 public:
  // 0: never. Nanoseconds after the last traffic.
  explicit Spin(uint64_t window) : window_(window) {}

  // So many bytes came, or some were sent.
  void Traffic(uint64_t now, size_t received);
  // Useless on the peer's CPU, where only our sleep lets it run. `own`, `peers`: as RingControl::cpu.
  bool May(uint64_t now, uint32_t own, uint32_t peers);
  void Spend(uint64_t nanoseconds);

  // As RingControl::cpu.
  static uint32_t OwnCpu();
  static uint64_t Now();
  static void Relax();

 private:
  uint64_t window_;
  uint64_t until_ = 0;
  // Nanoseconds that may still be spent: a peer earns less by each batch than a batch costs it and us.
  uint64_t credit_ = 0;
  uint64_t refilled_ = 0;
};

}  // namespace sallyport
