// A seccomp filter, run by the broker on what the kernel said of a syscall: the same program on the same numbers has the
// same verdict, of which a notification tells only half.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sallyport {

class FilterProgram {
 public:
  // Nothing where it is none that the policy compiler writes: then it could run past its end, or never come to one.
  static std::optional<FilterProgram> From(const uint8_t* bytes, size_t length);

  // SECCOMP_RET_* with its data.
  uint32_t Run(const seccomp_data& data) const;

 private:
  explicit FilterProgram(std::vector<sock_filter> instructions) : instructions_(std::move(instructions)) {}

  std::vector<sock_filter> instructions_;
};

}  // namespace sallyport
