// readWhole: a file of /proc in one turn on the thread pool. Each read(2) of one gives a page at most, and a turn for each is
// what fs.readFile takes.
#include <fcntl.h>
#include <napi.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <string>

#include "arguments.h"
#include "broker.h"
#include "errors.h"
#include "owned_fds.h"

namespace sallyport {
namespace {

constexpr int64_t kMostBytes = 64 * 1024 * 1024;
constexpr size_t kAtOnce = 64 * 1024;

class Reading : public Napi::AsyncWorker {
 public:
  Reading(Napi::Function callback, std::string path, size_t most)
      : Napi::AsyncWorker(callback, "sallyport:readWhole"), path_(std::move(path)), most_(most) {}

 protected:
  void Execute() override {
    const UniqueFd fd(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (fd.get() < 0) return Failed(errno, "open");
    for (;;) {
      const size_t size = text_.size();
      text_.resize(size + kAtOnce);
      ssize_t got;
      do {
        got = read(fd.get(), &text_[size], kAtOnce);
      } while (got < 0 && errno == EINTR);
      text_.resize(size + (got > 0 ? size_t(got) : 0));
      if (got < 0) return Failed(errno, "read");
      if (got == 0) return;
      if (text_.size() > most_) return Failed(EFBIG, "read");
    }
  }

  void OnError(const Napi::Error&) override {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    Callback().Call({SystemError(env, error_, call_, path_).Value()});
  }

  std::vector<napi_value> GetResult(Napi::Env env) override {
    return {env.Null(), Napi::Buffer<char>::Copy(env, text_.data(), text_.size())};
  }

 private:
  void Failed(int error, const char* call) {
    error_ = error;
    call_ = call;
    SetError(call);
  }

  std::string path_;
  size_t most_;
  std::string text_;
  int error_ = 0;
  const char* call_ = "";
};

// readWhole(path, most, callback(error, bytes))
void ReadWhole(const Napi::CallbackInfo& info) {
  std::string path = TextArgument(info[0], "path", PATH_MAX - 1);
  const auto most = size_t(IntegerArgument(info[1], "most", 1, kMostBytes));
  const Napi::Function callback = FunctionArgument(info[2], "callback");
  (new Reading(callback, std::move(path), most))->Queue();
}

}  // namespace

void DefineReadFile(Napi::Env env, Napi::Object exports) {
  exports.Set("readWhole", Napi::Function::New(env, ReadWhole, "readWhole"));
}

}  // namespace sallyport
