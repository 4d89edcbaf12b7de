// One recvmsg from a peer that may be hostile.
#pragma once

#include <cstddef>
#include <cstdint>

#include "owned_fds.h"

namespace sallyport {

struct Received {
  enum class Kind { Data, WouldBlock, EndOfFile, Failed };
  Kind kind;
  size_t bytes = 0;
  // fds came with these bytes: the kernel stops such a read early, so a short one does not mean that the socket is dry.
  bool carriedFds = false;
  // fds were lost: by our own limit of open files, since the control buffer has room for all that one message can carry.
  bool truncated = false;
  int error = 0;
};

// Does not block. Adds what fds came, close-on-exec, to `fds`; other control messages are ignored.
Received Receive(int socket, uint8_t* into, size_t room, OwnedFds& fds);

}  // namespace sallyport
