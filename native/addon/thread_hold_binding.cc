#include <napi.h>

#include <climits>
#include <memory>
#include <system_error>

#include "arguments.h"
#include "broker.h"
#include "errors.h"
#include "registers_value.h"
#include "thread_hold.h"

namespace sallyport {
namespace {

constexpr uint32_t kMostThreads = 1024;
constexpr int64_t kLongestHoldMs = 5000;

std::vector<pid_t> TidsArgument(const Napi::Value& value) {
  if (!value.IsArray()) throw InvalidType(value.Env(), "'tids' must be an array");
  const Napi::Array list = value.As<Napi::Array>();
  if (list.Length() > kMostThreads) throw OutOfRange(value.Env(), "'tids' must not have more than 1024 entries");
  std::vector<pid_t> tids;
  for (uint32_t index = 0; index < list.Length(); index++) {
    tids.push_back(pid_t(IntegerArgument(list.Get(index), "tids", 1, INT_MAX)));
  }
  return tids;
}

Napi::Array ThreadsValue(Napi::Env env, const std::vector<HeldThread>& threads) {
  Napi::Array list = Napi::Array::New(env, threads.size());
  for (uint32_t index = 0; index < threads.size(); index++) {
    list.Set(index, HeldThreadValue(env, threads[index]));
  }
  return list;
}

// The function outlives whichever of the two is later: the hold's thread, or the environment.
struct Settled {
  Napi::ThreadSafeFunction callback;
  std::shared_ptr<ThreadHold> hold;
};

// holdThreads(tids, mostMs, onSettled(threads)): a function that lets go.
Napi::Value HoldThreads(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<pid_t> tids = TidsArgument(info[0]);
  const std::chrono::milliseconds most(IntegerArgument(info[1], "mostMs", 1, kLongestHoldMs));
  const Napi::Function onSettled = FunctionArgument(info[2], "onSettled");
  const auto settled = std::make_shared<Settled>();
  settled->callback = Napi::ThreadSafeFunction::New(env, onSettled, "sallyport:hold", 0, 1);
  // It is told of itself only after Begin has returned: the lambda waits for the promise's other half.
  const auto tell = [settled] {
    settled->callback.NonBlockingCall([settled](Napi::Env callEnv, Napi::Function callback) {
      callback.Call({ThreadsValue(callEnv, settled->hold->threads())});
      settled->hold.reset();
    });
    settled->callback.Release();
  };
  std::shared_ptr<ThreadHold> hold;
  try {
    hold = ThreadHold::Begin(std::move(tids), ThreadHold::Afterwards::Resume, most, tell);
  } catch (const std::system_error& error) {
    settled->callback.Release();
    throw SystemError(env, error.code().value(), "holdThreads", error.what());
  }
  // On the JavaScript thread, where the call above runs as well: hence before it.
  settled->hold = hold;
  return Napi::Function::New(env, [hold](const Napi::CallbackInfo&) { hold->Release(); }, "release");
}

}  // namespace

Napi::Object HeldThreadValue(Napi::Env env, const HeldThread& thread) {
  Napi::Object value = Napi::Object::New(env);
  value.Set("tid", Napi::Number::New(env, thread.tid));
  value.Set("errno", Napi::Number::New(env, thread.error));
  value.Set("instruction", Napi::BigInt::New(env, thread.registers.instruction));
  value.Set("stack", Napi::BigInt::New(env, thread.registers.stack));
  value.Set("frame", Napi::BigInt::New(env, thread.registers.frame));
  return value;
}

void DefineThreadHold(Napi::Env env, Napi::Object exports) {
  exports.Set("holdThreads", Napi::Function::New(env, HoldThreads, "holdThreads"));
}

}  // namespace sallyport
