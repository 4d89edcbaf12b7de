#include "descriptors.h"
#include "endpoint.h"
#include "gate.h"
#include "mapping.h"

namespace sallyport {
namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  DefineDescriptors(env, exports);
  DefineMapping(env, exports);
  DefineGate(env, exports);
  exports.Set("Endpoint", Endpoint::Define(env, Endpoint::BlockingMethods()));
  return exports;
}

}  // namespace
}  // namespace sallyport

static Napi::Object InitSandboxee(Napi::Env env, Napi::Object exports) { return sallyport::Init(env, exports); }

NODE_API_MODULE(sandboxee, InitSandboxee)
