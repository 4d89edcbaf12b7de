// What was written and the kernel has not taken yet. Never blocks: every sendmsg has MSG_DONTWAIT and MSG_NOSIGNAL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "owned_fds.h"

namespace sallyport {

class SendQueue {
 public:
  // Sends at once what the socket takes, where nothing waits before it, and copies the rest. Owns `fds`, which travel
  // with the first byte. Returns 0, or an errno: then nothing of this was sent or queued.
  int Submit(int socket, const uint8_t* bytes, size_t length, OwnedFds fds);

  // Sends about `budget` bytes at most. Returns 0 when the queue is empty, EAGAIN when it is not, or a fatal errno.
  int Flush(int socket, size_t budget);

  size_t queued() const { return queued_; }
  bool empty() const { return chunks_.empty(); }
  void Clear();

 private:
  // One sendmsg begins with the first byte of a chunk that has fds.
  struct Chunk {
    std::vector<uint8_t> bytes;
    size_t sent = 0;
    OwnedFds fds;
  };

  void Append(const uint8_t* bytes, size_t length, OwnedFds fds);
  void Advance(size_t sent);

  std::deque<Chunk> chunks_;
  size_t queued_ = 0;
};

}  // namespace sallyport
