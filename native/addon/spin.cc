#include "spin.h"

#include <sched.h>
#include <time.h>

#include <algorithm>

namespace sallyport {
namespace {

constexpr uint64_t kPerBatch = 30'000;
// Who sends many messages at once has as many to wait for.
constexpr uint64_t kPerByte = 20;
constexpr uint64_t kMostCredit = 2'000'000;
// Of idle time, in per cent.
constexpr uint64_t kRefill = 5;

}  // namespace

void Spin::Traffic(uint64_t now, size_t received) {
  if (window_ == 0) return;
  until_ = now + window_;
  const uint64_t idle = refilled_ == 0 ? 0 : now - refilled_;
  refilled_ = now;
  const uint64_t earned = kPerBatch + std::min<uint64_t>(received, kMostCredit / kPerByte) * kPerByte;
  credit_ = std::min(kMostCredit, credit_ + earned + std::min(idle, kMostCredit * 100 / kRefill) * kRefill / 100);
}

bool Spin::May(uint64_t now, uint32_t own, uint32_t peers) {
  return now < until_ && credit_ > 0 && (own == 0 || own != peers);
}

void Spin::Spend(uint64_t nanoseconds) { credit_ -= std::min(credit_, nanoseconds); }

uint32_t Spin::OwnCpu() {
  const int cpu = sched_getcpu();
  return cpu < 0 ? 0 : uint32_t(cpu) + 1;
}

uint64_t Spin::Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return uint64_t(now.tv_sec) * 1'000'000'000 + uint64_t(now.tv_nsec);
}

void Spin::Relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield" ::: "memory");
#endif
}

}  // namespace sallyport
