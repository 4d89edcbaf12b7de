// Errors that reach JavaScript: `Error` with `.code` ("EBADF"), `.errno` (positive) and `.syscall`.
#pragma once

#include <napi.h>

#include <string>

namespace sallyport {

// "EBADF"; "E4095" for a number without a name.
std::string ErrnoName(int error);

// "Bad file descriptor".
std::string ErrnoText(int error);

// `detail` says on what ("fd 7"); it may be empty.
Napi::Error SystemError(Napi::Env env, int error, const char* syscall, const std::string& detail = "");

Napi::TypeError InvalidType(Napi::Env env, const std::string& message);
Napi::RangeError OutOfRange(Napi::Env env, const std::string& message);

// For callbacks that libuv called: what nobody can catch becomes an 'uncaughtException'.
void ReportUncaught(const Napi::Error& error) noexcept;

}  // namespace sallyport
