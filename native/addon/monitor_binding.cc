#include <fcntl.h>
#include <napi.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "arguments.h"
#include "broker.h"
#include "errors.h"
#include "monitor.h"
#include "registers_value.h"

namespace sallyport {
namespace {

constexpr size_t kMostSyscalls = 4096;
constexpr size_t kMostHarmlessPaths = 1024;
constexpr int64_t kLongestHoldMs = 5000;

Napi::Value RequireTypedArray(const Napi::Value& value, napi_typedarray_type type, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw InvalidType(value.Env(), std::string("'") + name + "' is not the kind of typed array that it must be");
  }
  if (value.As<Napi::TypedArray>().ElementLength() > kMostSyscalls) {
    throw OutOfRange(value.Env(), std::string("'") + name + "' must not have more than 4096 entries");
  }
  return value;
}

std::vector<int32_t> AnswersArgument(const Napi::Value& value) {
  const auto array = RequireTypedArray(value, napi_int32_array, "answers").As<Napi::Int32Array>();
  std::vector<int32_t> answers(array.Data(), array.Data() + array.ElementLength());
  for (const int32_t entry : answers) {
    if (entry == answer::kViolation || entry == 0) continue;
    const bool hasPath = (entry & answer::kPathFlag) != 0;
    const int path = (entry & answer::kPathMask) >> answer::kPathShift;
    const bool byFilter = (entry & answer::kByFilter) != 0;
    const int32_t known = answer::kErrnoMask | answer::kByFilter | (hasPath ? answer::kPathFlag | answer::kPathMask : 0);
    const bool hasErrno = (entry & answer::kErrnoMask) != 0;
    const bool valid = entry > 0 && (entry & ~known) == 0 && (hasErrno || (byFilter && !hasPath)) && path < 6;
    if (!valid) throw OutOfRange(value.Env(), "'answers' has the entry " + std::to_string(entry) + ", which means nothing");
  }
  return answers;
}

std::vector<int8_t> PathArgumentsArgument(const Napi::Value& value) {
  const auto array = RequireTypedArray(value, napi_int8_array, "pathArguments").As<Napi::Int8Array>();
  std::vector<int8_t> indices(array.Data(), array.Data() + array.ElementLength());
  for (const int8_t index : indices) {
    if (index < -1 || index > 5) throw OutOfRange(value.Env(), "'pathArguments' must hold -1 to 5");
  }
  return indices;
}

std::optional<FirstExec> FirstExecArgument(const Napi::Value& value) {
  if (value.IsNull()) return std::nullopt;
  const Napi::Object from = ObjectArgument(value, "firstExec");
  FirstExec exec{};
  exec.tid = uint32_t(IntegerArgument(from.Get("tid"), "firstExec.tid", 1, INT_MAX));
  exec.number = int32_t(IntegerArgument(from.Get("number"), "firstExec.number", 0, INT_MAX));
  exec.argument = uint64_t(IntegerArgument(from.Get("argument"), "firstExec.argument", 1, UINT_MAX));
  return exec;
}

// Empty: there is none, and no answer may ask for it.
std::optional<FilterProgram> ProgramArgument(const Napi::Value& value, const std::vector<int32_t>& answers) {
  const Bytes bytes = BytesArgument(value, "program");
  std::optional<FilterProgram> program = FilterProgram::From(bytes.data, bytes.length);
  if (!program && bytes.length > 0) throw OutOfRange(value.Env(), "'program' is no filter that a policy compiles to");
  const bool needed = std::any_of(answers.begin(), answers.end(),
                                  [](int32_t entry) { return entry > 0 && (entry & answer::kByFilter) != 0; });
  if (needed && !program) throw OutOfRange(value.Env(), "'answers' go by a 'program' that is not there");
  return program;
}

MonitorOptions OptionsArgument(const Napi::Value& value) {
  const Napi::Object from = ObjectArgument(value, "options");
  MonitorOptions options{};
  // First of all, so that it is closed whatever is wrong with the rest.
  options.listener = UniqueFd(FdArgument(from.Get("listener"), "listener"));
  const int killPidfd = FdArgument(from.Get("killPidfd"), "killPidfd");
  options.arch = uint32_t(IntegerArgument(from.Get("arch"), "arch", 0, UINT_MAX));
  options.answers = AnswersArgument(from.Get("answers"));
  options.pathArguments = PathArgumentsArgument(from.Get("pathArguments"));
  options.pathDenialIsViolation = BooleanArgument(from.Get("pathDenialIsViolation"), "pathDenialIsViolation");
  options.harmlessPaths =
      TextListArgument(from.Get("harmlessPaths"), "harmlessPaths", kMostHarmlessPaths, PATH_MAX - 1);
  options.program = ProgramArgument(from.Get("program"), options.answers);
  options.unknownAbove = uint32_t(IntegerArgument(from.Get("unknownAbove"), "unknownAbove", 0, UINT_MAX));
  options.firstExec = FirstExecArgument(from.Get("firstExec"));
  options.holdTime = std::chrono::milliseconds(IntegerArgument(from.Get("holdTime"), "holdTime", 0, kLongestHoldMs));
  options.victim = UniqueFd(fcntl(killPidfd, F_DUPFD_CLOEXEC, 0));
  if (options.victim.get() < 0) {
    throw SystemError(value.Env(), errno, "fcntl", "F_DUPFD_CLOEXEC of pidfd " + std::to_string(killPidfd));
  }
  return options;
}

Napi::Object RecordValue(Napi::Env env, const SyscallRecord& record) {
  Napi::Array arguments = Napi::Array::New(env, record.arguments.size());
  Napi::Array paths = Napi::Array::New(env, record.paths.size());
  for (uint32_t index = 0; index < record.arguments.size(); index++) {
    arguments.Set(index, Napi::BigInt::New(env, record.arguments[index]));
    const std::optional<std::string>& path = record.paths[index];
    paths.Set(index, path ? Napi::Value(Napi::String::New(env, *path)) : env.Null());
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("arch", Napi::Number::New(env, record.arch));
  result.Set("number", Napi::Number::New(env, record.number));
  result.Set("args", arguments);
  result.Set("tid", Napi::Number::New(env, record.tid));
  result.Set("instructionPointer", Napi::BigInt::New(env, record.instructionPointer));
  result.Set("paths", paths);
  return result;
}

Napi::Value EndedValue(Napi::Env env, MonitorReport::Ended ended) {
  switch (ended) {
    case MonitorReport::Ended::Hangup:
      return Napi::String::New(env, "hangup");
    case MonitorReport::Ended::Failed:
      return Napi::String::New(env, "failed");
    case MonitorReport::Ended::Running:
      break;
  }
  return Napi::String::New(env, "running");
}

class MonitorBinding : public Napi::ObjectWrap<MonitorBinding> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Monitor",
                       {
                           InstanceMethod("take", &MonitorBinding::Take),
                           InstanceMethod("takeTraced", &MonitorBinding::TakeTraced),
                           InstanceMethod("answerTraced", &MonitorBinding::AnswerTraced),
                           InstanceMethod("release", &MonitorBinding::Release),
                           InstanceMethod("stop", &MonitorBinding::Stop),
                       });
  }

  // new Monitor(options, onReport). Owns options.listener from the call on.
  explicit MonitorBinding(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MonitorBinding>(info) {
    const Napi::Env env = info.Env();
    MonitorOptions options = OptionsArgument(info[0]);
    const Napi::Function onReport = FunctionArgument(info[1], "onReport");
    reports_ = Napi::ThreadSafeFunction::New(env, onReport, "sallyport:monitor", 0, 1);
    reports_.Unref(env);
    const Napi::ThreadSafeFunction reports = reports_;
    try {
      monitor_ = std::make_unique<Monitor>(std::move(options), [reports] { reports.NonBlockingCall(); });
    } catch (const std::system_error& error) {
      reports_.Release();
      throw SystemError(env, error.code().value(), "Monitor", error.what());
    }
    // Later than the function's own hook, hence run before it: the thread is gone when the function goes.
    napi_add_env_cleanup_hook(env, OnEnvironmentEnd, this);
    running_ = true;
  }

  // Forgotten: fail closed.
  ~MonitorBinding() { StopNow(); }

 private:
  Napi::Value Take(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const MonitorReport report = monitor_->Take();
    Napi::Array denials = Napi::Array::New(env, report.denials.size());
    for (uint32_t index = 0; index < report.denials.size(); index++) {
      Napi::Object denial = RecordValue(env, report.denials[index].syscall);
      denial.Set("errno", Napi::Number::New(env, report.denials[index].error));
      denials.Set(index, denial);
    }
    Napi::Array permitted = Napi::Array::New(env, report.permitted.size());
    for (uint32_t index = 0; index < report.permitted.size(); index++) {
      Napi::Object record = RecordValue(env, report.permitted[index].syscall);
      record.Set("count", Napi::Number::New(env, double(report.permitted[index].count)));
      permitted.Set(index, record);
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("denials", denials);
    result.Set("dropped", Napi::Number::New(env, double(report.dropped)));
    result.Set("permitted", permitted);
    result.Set("permittedDropped", Napi::Number::New(env, double(report.permittedDropped)));
    result.Set("violation", report.violation ? Napi::Value(RecordValue(env, *report.violation)) : env.Null());
    result.Set("held", report.held ? Napi::Value(HeldThreadValue(env, *report.held)) : env.Null());
    result.Set("ended", EndedValue(env, report.ended));
    result.Set("failure", report.failure.empty() ? env.Null() : Napi::Value(Napi::String::New(env, report.failure)));
    return result;
  }

  Napi::Value TakeTraced(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const std::vector<TracedRecord> traced = monitor_->TakeTraced();
    Napi::Array records = Napi::Array::New(env, traced.size());
    for (uint32_t index = 0; index < traced.size(); index++) {
      Napi::Object record = RecordValue(env, traced[index].syscall);
      record.Set("id", Napi::BigInt::New(env, traced[index].id));
      records.Set(index, record);
    }
    return records;
  }

  // answerTraced(id, answer)
  Napi::Value AnswerTraced(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!info[0].IsBigInt()) throw InvalidType(env, "'id' must be a bigint");
    bool lossless = false;
    const uint64_t id = info[0].As<Napi::BigInt>().Uint64Value(&lossless);
    if (!lossless) throw OutOfRange(env, "'id' must be of 64 bits");
    const auto answer = int32_t(IntegerArgument(info[1], "answer", traced::kDeny, answer::kErrnoMask));
    return Napi::Boolean::New(env, monitor_->AnswerTraced(id, answer));
  }
  void Release(const Napi::CallbackInfo&) { monitor_->Release(); }

  void Stop(const Napi::CallbackInfo&) { StopNow(); }

  static void OnEnvironmentEnd(void* self) { static_cast<MonitorBinding*>(self)->StopNow(); }

  void StopNow() {
    if (!running_) return;
    running_ = false;
    napi_remove_env_cleanup_hook(Env(), OnEnvironmentEnd, this);
    monitor_->Stop();
    reports_.Release();
  }

  Napi::ThreadSafeFunction reports_;
  std::unique_ptr<Monitor> monitor_;
  bool running_ = false;
};

}  // namespace

void DefineMonitor(Napi::Env env, Napi::Object exports) { exports.Set("Monitor", MonitorBinding::Define(env)); }

}  // namespace sallyport
