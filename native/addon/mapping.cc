#include "mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <string>
#include <unordered_map>

#include "arguments.h"
#include "descriptors.h"
#include "errors.h"

namespace sallyport {
namespace {

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;
constexpr int64_t kMostBytes = int64_t(1) << 46;

struct Mapping;

// Keyed by address and not by the ArrayBuffer: ArrayBuffer.prototype.transfer() moves the memory to a new object.
using Registry = std::unordered_map<void*, Mapping*>;

// Outlives munmap until the garbage collector has finalised the ArrayBuffer: by then the address may be another's.
struct Mapping {
  void* address;
  size_t length;
  bool mapped;
  std::shared_ptr<Registry> registry;

  void Unmap() {
    if (!mapped) return;
    mapped = false;
    registry->erase(address);
    munmap(address, length);
  }
};

// One to an environment: worker_threads each have their own.
struct MappingState {
  std::shared_ptr<Registry> registry = std::make_shared<Registry>();
};

Napi::Value Map(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int fd = FdArgument(info[0], "fd");
  const int64_t length = IntegerArgument(info[1], "length", 1, kMostBytes);
  const int protection = BooleanArgument(info[2], "writable") ? PROT_READ | PROT_WRITE : PROT_READ;
  CheckMappable(env, fd, length);

  auto mapping = std::make_unique<Mapping>();
  mapping->registry = env.GetInstanceData<MappingState>()->registry;
  void* const address = mmap(nullptr, size_t(length), protection, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) throw SystemError(env, errno, "mmap", "fd " + std::to_string(fd));
  mapping->address = address;
  mapping->length = size_t(length);
  mapping->mapped = true;
  try {
    mapping->registry->emplace(address, mapping.get());
    const Napi::Value buffer = Napi::ArrayBuffer::New(
        env, address, size_t(length),
        [](Napi::Env, void*, Mapping* finalized) {
          finalized->Unmap();
          delete finalized;
        },
        mapping.get());
    mapping.release();
    return buffer;
  } catch (...) {
    mapping->Unmap();
    throw;
  }
}

void Unmap(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsArrayBuffer()) throw InvalidType(env, "'buffer' must be an ArrayBuffer");
  Napi::ArrayBuffer buffer = info[0].As<Napi::ArrayBuffer>();
  const Registry& registry = *env.GetInstanceData<MappingState>()->registry;
  const auto found = registry.find(buffer.Data());
  if (buffer.Data() == nullptr || found == registry.end()) {
    throw SystemError(env, EINVAL, "unmap", "the buffer is not mapped, or not any more");
  }
  // First, so that no view can reach the address once it is free.
  buffer.Detach();
  found->second->Unmap();
}

}  // namespace

void CheckMappable(Napi::Env env, int fd, int64_t length) {
  const std::string detail = "fd " + std::to_string(fd);
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 && errno == EBADF) throw SystemError(env, EBADF, "map", detail);
  if (seals < 0 || (seals & kSizeSeals) != kSizeSeals) {
    // Whoever shrinks a file has every toucher of the lost pages die of SIGBUS.
    throw SystemError(env, EPERM, "map", detail + " is no memfd sealed with F_SEAL_SHRINK and F_SEAL_GROW");
  }
  struct stat facts;
  if (StatFd(fd, &facts) < 0) throw SystemError(env, errno, "fstat", detail);
  if (facts.st_size < length) {
    throw SystemError(env, EINVAL, "map",
                      detail + " has " + std::to_string(facts.st_size) + " bytes, not " + std::to_string(length));
  }
}

void DefineMapping(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new MappingState());
  exports.Set("map", Napi::Function::New(env, Map, "map"));
  exports.Set("unmap", Napi::Function::New(env, Unmap, "unmap"));
}

}  // namespace sallyport
