// What was written and the kernel has not taken yet. Never blocks: every sendmsg has MSG_DONTWAIT and MSG_NOSIGNAL.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "chunk_queue.h"
#include "owned_fds.h"

namespace sallyport {

// One sendmsg that does not block. Returns the bytes taken, or -errno; the fds stay the caller's, to be closed.
ssize_t SendOnce(int socket, iovec* vectors, size_t count, const OwnedFds& fds);

// Out of memory for socket buffers passes by itself, like a full socket.
bool IsTransient(int error);

// Found out only when its turn comes, a number that is no fd would take the whole connection down. 0, or an errno.
int CheckFds(const OwnedFds& fds);

class SendQueue {
 public:
  // Sends at once what the socket takes, where nothing waits before it, and copies the rest. Owns `fds`, which travel
  // with the first byte. Returns 0, or an errno: then nothing of this was sent or queued.
  int Submit(int socket, const uint8_t* bytes, size_t length, OwnedFds fds);

  // Sends about `budget` bytes at most. Returns 0 when the queue is empty, EAGAIN when it is not, or a fatal errno.
  int Flush(int socket, size_t budget);

  size_t queued() const { return chunks_.queued(); }
  bool empty() const { return chunks_.empty(); }
  void Clear() { chunks_.Clear(); }

 private:
  // One sendmsg begins with the first byte of a chunk that has fds.
  ChunkQueue chunks_;
};

}  // namespace sallyport
