#include "filter_program.h"

#include <cstring>

namespace sallyport {
namespace {

constexpr size_t kMostInstructions = 4096;

constexpr uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr uint16_t kAnd = BPF_ALU | BPF_AND | BPF_K;
constexpr uint16_t kJump = BPF_JMP | BPF_JA;
constexpr uint16_t kEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr uint16_t kAtLeast = BPF_JMP | BPF_JGE | BPF_K;
constexpr uint16_t kBits = BPF_JMP | BPF_JSET | BPF_K;
constexpr uint16_t kReturn = BPF_RET | BPF_K;

// Jumps only go forward, and none leaves the program: whatever is in range comes to an end. `left` instructions follow.
bool IsSound(const sock_filter& instruction, size_t left) {
  switch (instruction.code) {
    case kLoad:
      return left > 0 && instruction.k % sizeof(uint32_t) == 0 && instruction.k < sizeof(seccomp_data);
    case kAnd:
      return left > 0;
    case kJump:
      return instruction.k < left;
    case kEqual:
    case kAtLeast:
    case kBits:
      return instruction.jt < left && instruction.jf < left;
    case kReturn:
      return true;
    default:
      return false;
  }
}

bool Holds(const sock_filter& test, uint32_t accumulator) {
  if (test.code == kEqual) return accumulator == test.k;
  if (test.code == kAtLeast) return accumulator >= test.k;
  return (accumulator & test.k) != 0;
}

}  // namespace

std::optional<FilterProgram> FilterProgram::From(const uint8_t* bytes, size_t length) {
  const size_t count = length / sizeof(sock_filter);
  if (length % sizeof(sock_filter) != 0 || count == 0 || count > kMostInstructions) return std::nullopt;
  std::vector<sock_filter> instructions(count);
  memcpy(instructions.data(), bytes, length);
  for (size_t at = 0; at < count; at++) {
    if (!IsSound(instructions[at], count - 1 - at)) return std::nullopt;
  }
  return FilterProgram(std::move(instructions));
}

uint32_t FilterProgram::Run(const seccomp_data& data) const {
  uint32_t accumulator = 0;
  for (size_t at = 0;; at++) {
    const sock_filter& instruction = instructions_[at];
    switch (instruction.code) {
      case kLoad:
        memcpy(&accumulator, reinterpret_cast<const uint8_t*>(&data) + instruction.k, sizeof accumulator);
        break;
      case kAnd:
        accumulator &= instruction.k;
        break;
      case kJump:
        at += instruction.k;
        break;
      case kReturn:
        return instruction.k;
      default:
        at += Holds(instruction, accumulator) ? instruction.jt : instruction.jf;
    }
  }
}

}  // namespace sallyport
