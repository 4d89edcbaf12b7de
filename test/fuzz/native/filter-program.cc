// The monitor's own run of a filter: whatever program it is given, it refuses it or comes to an end within it, and says what
// a plain interpreter, written from linux/filter.h alone, says of the same call.
#include "../../../native/addon/filter_program.h"

#include <cstdlib>
#include <cstring>

namespace {

// Nothing: it ran out of the program, into what is no instruction, or past the end of the data.
std::optional<uint32_t> Plainly(const uint8_t* program, size_t count, const seccomp_data& data) {
  uint32_t accumulator = 0;
  size_t at = 0;
  for (size_t steps = 0; at < count && steps <= count; steps++) {
    uint16_t code;
    uint32_t k;
    memcpy(&code, program + 8 * at, 2);
    memcpy(&k, program + 8 * at + 4, 4);
    const uint8_t jt = program[8 * at + 2], jf = program[8 * at + 3];
    at++;
    if (code == 0x06) return k;
    if (code == 0x20) {
      if (k > sizeof data - 4 || (k & 3) != 0) return std::nullopt;
      memcpy(&accumulator, reinterpret_cast<const char*>(&data) + k, 4);
    } else if (code == 0x54) {
      accumulator &= k;
    } else if (code == 0x05) {
      at += k;
    } else if (code == 0x15) {
      at += accumulator == k ? jt : jf;
    } else if (code == 0x35) {
      at += accumulator >= k ? jt : jf;
    } else if (code == 0x45) {
      at += (accumulator & k) != 0 ? jt : jf;
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  seccomp_data data;
  if (size < sizeof data) return 0;
  memcpy(&data, bytes, sizeof data);
  bytes += sizeof data;
  size -= sizeof data;
  const auto program = sallyport::FilterProgram::From(bytes, size);
  if (!program) return 0;
  const auto plainly = Plainly(bytes, size / 8, data);
  if (!plainly || *plainly != program->Run(data)) abort();
  return 0;
}
