#pragma once

#include <napi.h>

namespace sallyport {

// Defines enterGate(commsFd, program, flags, listenerFrame, sealedFrame) on `exports`.
void DefineGate(Napi::Env env, Napi::Object exports);

}  // namespace sallyport
