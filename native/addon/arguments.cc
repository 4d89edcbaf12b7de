#include "arguments.h"

#include <algorithm>
#include <climits>
#include <cmath>

#include "errors.h"

namespace sallyport {
namespace {

constexpr int64_t kMaxSafeInteger = 9007199254740991;

std::string Quoted(const char* name) { return std::string("'") + name + "'"; }

Napi::Array ArrayArgument(const Napi::Value& value, const char* name) {
  if (!value.IsArray()) throw InvalidType(value.Env(), Quoted(name) + " must be an array");
  return value.As<Napi::Array>();
}

}  // namespace

int64_t IntegerArgument(const Napi::Value& value, const char* name, int64_t least, int64_t most) {
  if (!value.IsNumber()) throw InvalidType(value.Env(), Quoted(name) + " must be a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  const bool representable = std::trunc(number) == number && std::fabs(number) <= double(kMaxSafeInteger);
  if (!representable || int64_t(number) < least || int64_t(number) > most) {
    throw OutOfRange(value.Env(), Quoted(name) + " must be an integer from " + std::to_string(least) + " to " +
                                      std::to_string(most));
  }
  return int64_t(number);
}

int FdArgument(const Napi::Value& value, const char* name) {
  return int(IntegerArgument(value, name, 0, INT_MAX));
}

bool BooleanArgument(const Napi::Value& value, const char* name) {
  if (!value.IsBoolean()) throw InvalidType(value.Env(), Quoted(name) + " must be a boolean");
  return value.As<Napi::Boolean>().Value();
}

Napi::Function FunctionArgument(const Napi::Value& value, const char* name) {
  if (!value.IsFunction()) throw InvalidType(value.Env(), Quoted(name) + " must be a function");
  return value.As<Napi::Function>();
}

Napi::Object ObjectArgument(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) throw InvalidType(value.Env(), Quoted(name) + " must be an object");
  return value.As<Napi::Object>();
}

std::string TextArgument(const Napi::Value& value, const char* name, size_t maxLength) {
  if (!value.IsString()) throw InvalidType(value.Env(), Quoted(name) + " must be a string");
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.size() > maxLength) {
    throw OutOfRange(value.Env(), Quoted(name) + " must not exceed " + std::to_string(maxLength) + " bytes");
  }
  if (text.find('\0') != std::string::npos) {
    throw OutOfRange(value.Env(), Quoted(name) + " must not contain a NUL character");
  }
  return text;
}

std::vector<std::string> TextListArgument(const Napi::Value& value, const char* name, size_t maxCount,
                                          size_t maxLength) {
  const Napi::Array list = ArrayArgument(value, name);
  const uint32_t count = list.Length();
  if (count > maxCount) {
    throw OutOfRange(value.Env(), Quoted(name) + " must not have more than " + std::to_string(maxCount) + " entries");
  }
  std::vector<std::string> texts;
  texts.reserve(count);
  for (uint32_t index = 0; index < count; index++) texts.push_back(TextArgument(list.Get(index), name, maxLength));
  return texts;
}

std::vector<int> FdListArgument(const Napi::Value& value, const char* name, size_t maxCount) {
  const Napi::Array list = ArrayArgument(value, name);
  const uint32_t count = list.Length();
  if (count > maxCount) {
    throw OutOfRange(value.Env(), Quoted(name) + " must not have more than " + std::to_string(maxCount) + " entries");
  }
  std::vector<int> fds;
  fds.reserve(count);
  for (uint32_t index = 0; index < count; index++) fds.push_back(FdArgument(list.Get(index), name));
  return fds;
}

Bytes BytesArgument(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw InvalidType(value.Env(), Quoted(name) + " must be a Uint8Array");
  }
  napi_typedarray_type type;
  void* data = nullptr;
  size_t length = 0;
  napi_value buffer = nullptr;
  size_t offset = 0;
  const napi_status status =
      napi_get_typedarray_info(value.Env(), value, &type, &length, &data, &buffer, &offset);
  if (status != napi_ok) throw Napi::Error::New(value.Env());
  bool detached = false;
  // A SharedArrayBuffer cannot be detached, and is no ArrayBuffer to this question.
  if (napi_is_detached_arraybuffer(value.Env(), buffer, &detached) == napi_ok && detached) {
    throw InvalidType(value.Env(), Quoted(name) + " must not be a view of a detached buffer");
  }
  return {static_cast<uint8_t*>(data), data == nullptr ? 0 : length};
}

OwnedFds TakeFdsArgument(const Napi::Value& value, const char* name) {
  OwnedFds taken;
  const Napi::Array list = ArrayArgument(value, name);
  const uint32_t count = list.Length();
  std::string complaint;
  bool wrongType = false;
  for (uint32_t index = 0; index < count; index++) {
    const Napi::Value entry = list.Get(index);
    if (!entry.IsNumber()) {
      wrongType = true;
      continue;
    }
    const double number = entry.As<Napi::Number>().DoubleValue();
    if (!(number >= 0 && number <= INT_MAX && std::trunc(number) == number)) {
      complaint = " has an entry that is no file descriptor";
      continue;
    }
    if (taken.Contains(int(number))) {
      // Closing it twice would close what another thread may have opened meanwhile.
      complaint = " names a file descriptor twice";
      continue;
    }
    taken.Add(int(number));
  }
  if (wrongType) throw InvalidType(value.Env(), Quoted(name) + " must hold numbers only");
  if (count > kMaxFdsPerMessage) complaint = " must not have more than 253 entries";
  if (!complaint.empty()) throw OutOfRange(value.Env(), Quoted(name) + complaint);
  return taken;
}

}  // namespace sallyport
