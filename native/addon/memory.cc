#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "arguments.h"
#include "broker.h"
#include "errors.h"
#include "owned_fds.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#define MFD_EXEC 0x0010U
#endif

namespace sallyport {
namespace {

// The kernel's own maximum for the name of a memfd.
constexpr size_t kLongestName = 249;
constexpr int64_t kMostBytes = int64_t(1) << 46;

int CreateMemfd(const char* name, bool executable) {
  const unsigned run = executable ? MFD_EXEC : MFD_NOEXEC_SEAL;
  const int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | run);
  // Linux before 6.3 knows neither of the two.
  return fd < 0 && errno == EINVAL ? memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) : fd;
}

Napi::Value CreateMemory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string name = TextArgument(info[0], "name", kLongestName);
  const int64_t size = IntegerArgument(info[1], "size", 0, kMostBytes);
  const bool executable = BooleanArgument(ObjectArgument(info[2], "options").Get("executable"), "executable");
  UniqueFd fd(CreateMemfd(name.c_str(), executable));
  if (fd.get() < 0) throw SystemError(env, errno, "memfd_create", name);
  if (ftruncate(fd.get(), size) < 0) throw SystemError(env, errno, "ftruncate", std::to_string(size) + " bytes");
  const Napi::Number result = Napi::Number::New(env, fd.get());
  fd.Forget();
  return result;
}

void Seal(const Napi::CallbackInfo& info) {
  const int fd = FdArgument(info[0], "fd");
  const int seals = int(IntegerArgument(info[1], "seals", 0, 0xffff));
  if (fcntl(fd, F_ADD_SEALS, seals) < 0) throw SystemError(info.Env(), errno, "fcntl", "F_ADD_SEALS of fd " + std::to_string(fd));
}

}  // namespace

void DefineMemory(Napi::Env env, Napi::Object exports) {
  exports.Set("createMemory", Napi::Function::New(env, CreateMemory, "createMemory"));
  exports.Set("seal", Napi::Function::New(env, Seal, "seal"));
}

}  // namespace sallyport
