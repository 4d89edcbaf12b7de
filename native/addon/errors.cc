#include "errors.h"

#include <cerrno>
#include <system_error>

namespace sallyport {
namespace {

struct NamedErrno {
  int number;
  const char* name;
};

#define SALLYPORT_ERRNO(name) {name, #name}

// strerrorname_np is glibc's alone, and libuv knows but a part of these.
constexpr NamedErrno kNames[] = {
    SALLYPORT_ERRNO(EPERM),        SALLYPORT_ERRNO(ENOENT),       SALLYPORT_ERRNO(ESRCH),
    SALLYPORT_ERRNO(EINTR),        SALLYPORT_ERRNO(EIO),          SALLYPORT_ERRNO(ENXIO),
    SALLYPORT_ERRNO(E2BIG),        SALLYPORT_ERRNO(ENOEXEC),      SALLYPORT_ERRNO(EBADF),
    SALLYPORT_ERRNO(ECHILD),       SALLYPORT_ERRNO(EAGAIN),       SALLYPORT_ERRNO(ENOMEM),
    SALLYPORT_ERRNO(EACCES),       SALLYPORT_ERRNO(EFAULT),       SALLYPORT_ERRNO(ENOTBLK),
    SALLYPORT_ERRNO(EBUSY),        SALLYPORT_ERRNO(EEXIST),       SALLYPORT_ERRNO(EXDEV),
    SALLYPORT_ERRNO(ENODEV),       SALLYPORT_ERRNO(ENOTDIR),      SALLYPORT_ERRNO(EISDIR),
    SALLYPORT_ERRNO(EINVAL),       SALLYPORT_ERRNO(ENFILE),       SALLYPORT_ERRNO(EMFILE),
    SALLYPORT_ERRNO(ENOTTY),       SALLYPORT_ERRNO(ETXTBSY),      SALLYPORT_ERRNO(EFBIG),
    SALLYPORT_ERRNO(ENOSPC),       SALLYPORT_ERRNO(ESPIPE),       SALLYPORT_ERRNO(EROFS),
    SALLYPORT_ERRNO(EMLINK),       SALLYPORT_ERRNO(EPIPE),        SALLYPORT_ERRNO(EDOM),
    SALLYPORT_ERRNO(ERANGE),       SALLYPORT_ERRNO(EDEADLK),      SALLYPORT_ERRNO(ENAMETOOLONG),
    SALLYPORT_ERRNO(ENOLCK),       SALLYPORT_ERRNO(ENOSYS),       SALLYPORT_ERRNO(ENOTEMPTY),
    SALLYPORT_ERRNO(ELOOP),        SALLYPORT_ERRNO(ENODATA),      SALLYPORT_ERRNO(ETIME),
    SALLYPORT_ERRNO(EREMOTE),      SALLYPORT_ERRNO(EPROTO),       SALLYPORT_ERRNO(EOVERFLOW),
    SALLYPORT_ERRNO(EILSEQ),       SALLYPORT_ERRNO(EUSERS),       SALLYPORT_ERRNO(ENOTSOCK),
    SALLYPORT_ERRNO(EDESTADDRREQ), SALLYPORT_ERRNO(EMSGSIZE),     SALLYPORT_ERRNO(EPROTOTYPE),
    SALLYPORT_ERRNO(ENOPROTOOPT),  SALLYPORT_ERRNO(EPROTONOSUPPORT), SALLYPORT_ERRNO(ESOCKTNOSUPPORT),
    SALLYPORT_ERRNO(EOPNOTSUPP),   SALLYPORT_ERRNO(EPFNOSUPPORT), SALLYPORT_ERRNO(EAFNOSUPPORT),
    SALLYPORT_ERRNO(EADDRINUSE),   SALLYPORT_ERRNO(EADDRNOTAVAIL), SALLYPORT_ERRNO(ENETDOWN),
    SALLYPORT_ERRNO(ENETUNREACH),  SALLYPORT_ERRNO(ENETRESET),    SALLYPORT_ERRNO(ECONNABORTED),
    SALLYPORT_ERRNO(ECONNRESET),   SALLYPORT_ERRNO(ENOBUFS),      SALLYPORT_ERRNO(EISCONN),
    SALLYPORT_ERRNO(ENOTCONN),     SALLYPORT_ERRNO(ESHUTDOWN),    SALLYPORT_ERRNO(ETOOMANYREFS),
    SALLYPORT_ERRNO(ETIMEDOUT),    SALLYPORT_ERRNO(ECONNREFUSED), SALLYPORT_ERRNO(EHOSTDOWN),
    SALLYPORT_ERRNO(EHOSTUNREACH), SALLYPORT_ERRNO(EALREADY),     SALLYPORT_ERRNO(EINPROGRESS),
    SALLYPORT_ERRNO(ESTALE),       SALLYPORT_ERRNO(EDQUOT),       SALLYPORT_ERRNO(ECANCELED),
    SALLYPORT_ERRNO(EOWNERDEAD),   SALLYPORT_ERRNO(ENOTRECOVERABLE),
};

#undef SALLYPORT_ERRNO

}  // namespace

std::string ErrnoName(int error) {
  for (const NamedErrno& entry : kNames) {
    if (entry.number == error) return entry.name;
  }
  return "E" + std::to_string(error);
}

std::string ErrnoText(int error) { return std::generic_category().message(error); }

Napi::Error SystemError(Napi::Env env, int error, const char* syscall, const std::string& detail) {
  const std::string name = ErrnoName(error);
  std::string message = name + ": " + ErrnoText(error) + ", " + syscall;
  if (!detail.empty()) message += " (" + detail + ")";
  Napi::Error result = Napi::Error::New(env, message);
  result.Set("code", Napi::String::New(env, name));
  result.Set("errno", Napi::Number::New(env, error));
  result.Set("syscall", Napi::String::New(env, syscall));
  return result;
}

Napi::TypeError InvalidType(Napi::Env env, const std::string& message) {
  Napi::TypeError error = Napi::TypeError::New(env, message);
  error.Set("code", Napi::String::New(env, "ERR_INVALID_ARG_TYPE"));
  return error;
}

Napi::RangeError OutOfRange(Napi::Env env, const std::string& message) {
  Napi::RangeError error = Napi::RangeError::New(env, message);
  error.Set("code", Napi::String::New(env, "ERR_OUT_OF_RANGE"));
  return error;
}

void ReportUncaught(const Napi::Error& error) noexcept {
  try {
    napi_fatal_exception(error.Env(), error.Value());
  } catch (const Napi::Error&) {
    // The environment is ending: nobody is left to be told.
  }
}

}  // namespace sallyport
