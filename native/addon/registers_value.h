#pragma once

#include <napi.h>

#include "thread_hold.h"

namespace sallyport {

// {tid, errno, instruction, stack, frame}
Napi::Object HeldThreadValue(Napi::Env env, const HeldThread& thread);

}  // namespace sallyport
