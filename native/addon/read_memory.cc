// readMemory: the only way in which the broker reads what is in a sandboxee's memory for a stack trace.
#include <napi.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <vector>

#include "arguments.h"
#include "broker.h"
#include "errors.h"

namespace sallyport {
namespace {

constexpr size_t kMostRanges = 1024;
constexpr size_t kMostBytes = 1024 * 1024;

struct Range {
  uint64_t address;
  size_t length;
};

// [address, length, address, length, …]
std::vector<Range> RangesArgument(const Napi::Value& value) {
  const Napi::Env env = value.Env();
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_biguint64_array) {
    throw InvalidType(env, "'ranges' must be a BigUint64Array");
  }
  const auto words = value.As<Napi::TypedArrayOf<uint64_t>>();
  if (words.ElementLength() % 2 != 0 || words.ElementLength() > 2 * kMostRanges) {
    throw OutOfRange(env, "'ranges' must hold at most 1024 pairs of address and length");
  }
  std::vector<Range> ranges;
  size_t total = 0;
  for (size_t index = 0; index < words.ElementLength(); index += 2) {
    const uint64_t length = words.Data()[index + 1];
    if (length > kMostBytes - total) throw OutOfRange(env, "'ranges' must not be longer than 1 MiB together");
    total += size_t(length);
    ranges.push_back({words.Data()[index], size_t(length)});
  }
  return ranges;
}

// How many bytes from the start of the range could be read.
size_t ReadRange(pid_t pid, const Range& range, uint8_t* to) {
  static const size_t pageBytes = size_t(sysconf(_SC_PAGESIZE));
  size_t done = 0;
  while (done < range.length) {
    // What fails is the whole of an iovec, so each is of one page.
    iovec pages[64];
    size_t count = 0;
    size_t planned = done;
    while (count < 64 && planned < range.length) {
      const uint64_t address = range.address + planned;
      const size_t bytes = std::min(pageBytes - size_t(address % pageBytes), range.length - planned);
      pages[count++] = {reinterpret_cast<void*>(uintptr_t(address)), bytes};
      planned += bytes;
    }
    const iovec local{to + done, planned - done};
    const ssize_t got = process_vm_readv(pid, &local, 1, pages, count, 0);
    if (got <= 0) return done;
    done += size_t(got);
    if (done < planned) return done;
  }
  return done;
}

// A page fault in the other's memory can wait for a disk: on the thread pool.
class Reading : public Napi::AsyncWorker {
 public:
  Reading(Napi::Function callback, pid_t pid, std::vector<Range> ranges)
      : Napi::AsyncWorker(callback, "sallyport:readMemory"), pid_(pid), ranges_(std::move(ranges)) {}

 protected:
  void Execute() override {
    size_t total = 0;
    for (const Range& range : ranges_) total += range.length;
    bytes_.resize(total);
    size_t at = 0;
    for (const Range& range : ranges_) {
      lengths_.push_back(uint32_t(ReadRange(pid_, range, bytes_.data() + at)));
      at += range.length;
    }
  }

  std::vector<napi_value> GetResult(Napi::Env env) override {
    Napi::Array lengths = Napi::Array::New(env, lengths_.size());
    for (uint32_t index = 0; index < lengths_.size(); index++) lengths.Set(index, lengths_[index]);
    return {env.Null(), Napi::Buffer<uint8_t>::Copy(env, bytes_.data(), bytes_.size()), lengths};
  }

 private:
  pid_t pid_;
  std::vector<Range> ranges_;
  std::vector<uint8_t> bytes_;
  std::vector<uint32_t> lengths_;
};

// readMemory(pid, ranges, callback(error, bytes, lengths))
void ReadMemory(const Napi::CallbackInfo& info) {
  // Not 0, which the kernel takes for ourselves.
  const pid_t pid = pid_t(IntegerArgument(info[0], "pid", 1, INT_MAX));
  std::vector<Range> ranges = RangesArgument(info[1]);
  const Napi::Function callback = FunctionArgument(info[2], "callback");
  (new Reading(callback, pid, std::move(ranges)))->Queue();
}

}  // namespace

void DefineReadMemory(Napi::Env env, Napi::Object exports) {
  exports.Set("readMemory", Napi::Function::New(env, ReadMemory, "readMemory"));
}

}  // namespace sallyport
