#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "arguments.h"
#include "broker.h"
#include "errors.h"
#include "owned_fds.h"

namespace sallyport {
namespace {

// Quietly: what is no terminal has neither.
void CopyWindowSize(int from, int to) {
  winsize size;
  if (ioctl(from, TIOCGWINSZ, &size) == 0) ioctl(to, TIOCSWINSZ, &size);
}

Napi::Value OpenTerminal(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int like = FdArgument(info[0], "like");
  UniqueFd own(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (own.get() < 0) throw SystemError(env, errno, "open", "/dev/ptmx");
  int locked = 0;
  if (ioctl(own.get(), TIOCSPTLCK, &locked) < 0) throw SystemError(env, errno, "ioctl", "TIOCSPTLCK");
  // By the fd, and not by a path of /dev/pts, which can be another mount than that of /dev/ptmx.
  UniqueFd other(ioctl(own.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (other.get() < 0) throw SystemError(env, errno, "ioctl", "TIOCGPTPEER");
  termios settings;
  if (tcgetattr(like, &settings) == 0) tcsetattr(other.get(), TCSANOW, &settings);
  CopyWindowSize(like, other.get());
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0u, Napi::Number::New(env, own.get()));
  pair.Set(1u, Napi::Number::New(env, other.get()));
  own.Forget();
  other.Forget();
  return pair;
}

void CopyWindowSize(const Napi::CallbackInfo& info) {
  CopyWindowSize(FdArgument(info[0], "like"), FdArgument(info[1], "terminal"));
}

void SetWindowSize(const Napi::CallbackInfo& info) {
  winsize size = {};
  const int terminal = FdArgument(info[0], "terminal");
  size.ws_row = uint16_t(IntegerArgument(info[1], "rows", 0, UINT16_MAX));
  size.ws_col = uint16_t(IntegerArgument(info[2], "columns", 0, UINT16_MAX));
  if (ioctl(terminal, TIOCSWINSZ, &size) < 0) throw SystemError(info.Env(), errno, "ioctl", "TIOCSWINSZ");
}

}  // namespace

void DefineTerminal(Napi::Env env, Napi::Object exports) {
  exports.Set("openTerminal", Napi::Function::New(env, OpenTerminal, "openTerminal"));
  exports.Set("setWindowSize", Napi::Function::New(env, SetWindowSize, "setWindowSize"));
  exports.Set("copyWindowSize",
              Napi::Function::New(
                  env, [](const Napi::CallbackInfo& info) { CopyWindowSize(info); }, "copyWindowSize"));
}

}  // namespace sallyport
