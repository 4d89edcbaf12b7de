#include "mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <string>

#include "arguments.h"
#include "descriptors.h"
#include "errors.h"

namespace sallyport {
namespace {

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;
constexpr int64_t kMostBytes = int64_t(1) << 46;

// Held by the Mapping, and by each ArrayBuffer over it until that is collected: whoever lets go last frees the addresses.
struct Memory {
  void* const address;
  const size_t length;

  Memory(void* where, size_t bytes) : address(where), length(bytes) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { munmap(address, length); }

  // The shared memory goes at once. What is under way on another thread, a read of a file into a view, say, goes on into
  // nothing: were the addresses free, it could be another sandboxee's memory by then.
  void Abandon() const {
    mmap(address, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  }
};

// Stays mapped while nobody here may look at it: only the ArrayBuffer comes and goes.
class Mapping : public Napi::ObjectWrap<Mapping> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Mapping",
                       {
                           InstanceMethod("view", &Mapping::View),
                           InstanceMethod("lasting", &Mapping::Lasting),
                           InstanceMethod("revoke", &Mapping::Revoke),
                           InstanceMethod("unmap", &Mapping::Unmap),
                       });
  }

  // new Mapping(fd, length, writable). The fd stays the caller's.
  explicit Mapping(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Mapping>(info) {
    const Napi::Env env = info.Env();
    const int fd = FdArgument(info[0], "fd");
    const int64_t length = IntegerArgument(info[1], "length", 1, kMostBytes);
    const int protection = BooleanArgument(info[2], "writable") ? PROT_READ | PROT_WRITE : PROT_READ;
    CheckMappable(env, fd, length);
    void* const address = mmap(nullptr, size_t(length), protection, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) throw SystemError(env, errno, "mmap", "fd " + std::to_string(fd));
    memory_ = std::make_shared<Memory>(address, size_t(length));
  }

 private:
  Napi::Value View(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const int64_t length = IntegerArgument(info[0], "length", 1, kMostBytes);
    CheckUsable(env);
    if (size_t(length) > memory_->length) {
      throw OutOfRange(env, "'length' is more than the " + std::to_string(memory_->length) + " bytes that are mapped");
    }
    Detach(view_);
    CheckUsable(env);
    const Napi::ArrayBuffer buffer = MakeBuffer(env, size_t(length));
    view_ = Napi::Persistent(buffer);
    return buffer;
  }

  Napi::Value Lasting(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    CheckUsable(env);
    if (lasting_.IsEmpty()) lasting_ = Napi::Persistent(MakeBuffer(env, memory_->length));
    return lasting_.Value();
  }

  Napi::Value Revoke(const Napi::CallbackInfo& info) {
    Detach(view_);
    return Napi::Boolean::New(info.Env(), !escaped_);
  }

  void Unmap(const Napi::CallbackInfo&) {
    if (memory_ == nullptr) return;
    Detach(view_);
    Detach(lasting_);
    // What was transferred keeps the memory: the garbage collector unmaps it.
    if (!escaped_) memory_->Abandon();
    memory_.reset();
  }

  void CheckUsable(Napi::Env env) const {
    if (memory_ == nullptr) throw SystemError(env, EINVAL, "view", "the memory is not mapped any more");
    if (escaped_) throw SystemError(env, EINVAL, "view", "the ArrayBuffer before was transferred to another");
  }

  Napi::ArrayBuffer MakeBuffer(Napi::Env env, size_t length) const {
    auto held = std::make_unique<std::shared_ptr<Memory>>(memory_);
    const Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(
        env, memory_->address, length,
        [](Napi::Env, void*, std::shared_ptr<Memory>* finalized) { delete finalized; }, held.get());
    held.release();
    // The first ends when the buffer is detached; whoever uses it on another thread holds the object.
    buffer.AddFinalizer([](Napi::Env, std::shared_ptr<Memory>* finalized) { delete finalized; },
                        new std::shared_ptr<Memory>(memory_));
    return buffer;
  }

  // ArrayBuffer.prototype.transfer() may have moved the memory to an object that nobody knows here.
  void Detach(Napi::Reference<Napi::ArrayBuffer>& reference) {
    if (reference.IsEmpty()) return;
    Napi::ArrayBuffer buffer = reference.Value();
    if (buffer.IsDetached()) escaped_ = true;
    else buffer.Detach();
    reference.Reset();
  }

  std::shared_ptr<Memory> memory_;
  // Until it is revoked, and until it is unmapped.
  Napi::Reference<Napi::ArrayBuffer> view_;
  Napi::Reference<Napi::ArrayBuffer> lasting_;
  bool escaped_ = false;
};

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

void DefineMapping(Napi::Env env, Napi::Object exports) { exports.Set("Mapping", Mapping::Define(env)); }

}  // namespace sallyport
