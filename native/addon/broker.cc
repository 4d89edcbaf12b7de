#include "broker.h"

#include "descriptors.h"
#include "endpoint.h"
#include "mapping.h"
#include "reaper.h"

namespace sallyport {
namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  DefineDescriptors(env, exports);
  DefineMapping(env, exports);
  DefineReaper(env, exports);
  DefineScheduling(env, exports);
  DefineSpawn(env, exports);
  DefinePidfd(env, exports);
  DefinePidfdWatcher(env, exports);
  DefineSockets(env, exports);
  DefineMemory(env, exports);
  DefineOpenFiles(env, exports);
  DefineLock(env, exports);
  DefineTerminal(env, exports);
  DefineProbe(env, exports);
  DefineMonitor(env, exports);
  DefineReadFile(env, exports);
  DefineReadMemory(env, exports);
  DefineThreadHold(env, exports);
  exports.Set("Endpoint", Endpoint::Define(env));
  return exports;
}

}  // namespace
}  // namespace sallyport

static Napi::Object InitBroker(Napi::Env env, Napi::Object exports) { return sallyport::Init(env, exports); }

NODE_API_MODULE(broker, InitBroker)
