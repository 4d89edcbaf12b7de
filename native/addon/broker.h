// What only the broker's addon has: each defines its functions on `exports`.
#pragma once

#include <napi.h>

namespace sallyport {

void DefineScheduling(Napi::Env env, Napi::Object exports);
void DefineSpawn(Napi::Env env, Napi::Object exports);
void DefinePidfd(Napi::Env env, Napi::Object exports);
void DefinePidfdWatcher(Napi::Env env, Napi::Object exports);
void DefineSockets(Napi::Env env, Napi::Object exports);
void DefineMemory(Napi::Env env, Napi::Object exports);
void DefineOpenFiles(Napi::Env env, Napi::Object exports);
void DefineLock(Napi::Env env, Napi::Object exports);
void DefineTerminal(Napi::Env env, Napi::Object exports);
void DefineProbe(Napi::Env env, Napi::Object exports);
void DefineMonitor(Napi::Env env, Napi::Object exports);
void DefineReadFile(Napi::Env env, Napi::Object exports);
void DefineReadMemory(Napi::Env env, Napi::Object exports);
void DefineThreadHold(Napi::Env env, Napi::Object exports);

}  // namespace sallyport
