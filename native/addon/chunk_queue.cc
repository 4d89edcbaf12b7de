#include "chunk_queue.h"

namespace sallyport {

// Small writes are gathered into chunks of about this size: one iovec for many frames.
constexpr size_t kGatherBytes = 64 * 1024;

void ChunkQueue::Append(const uint8_t* bytes, size_t length, OwnedFds fds) {
  const bool gathers = fds.empty() && !chunks_.empty() && chunks_.back().bytes.size() + length <= kGatherBytes;
  if (!gathers) {
    chunks_.emplace_back();
    chunks_.back().fds = std::move(fds);
  }
  std::vector<uint8_t>& tail = chunks_.back().bytes;
  tail.insert(tail.end(), bytes, bytes + length);
  queued_ += length;
}

void ChunkQueue::Advance(size_t sent) {
  queued_ -= sent;
  if (sent > 0) chunks_.front().fds.Clear();
  while (sent > 0) {
    Chunk& front = chunks_.front();
    if (sent < front.left()) {
      front.sent += sent;
      return;
    }
    sent -= front.left();
    chunks_.pop_front();
  }
}

Chunk ChunkQueue::Take() {
  Chunk taken = std::move(chunks_.front());
  chunks_.pop_front();
  queued_ -= taken.left();
  return taken;
}

void ChunkQueue::Clear() {
  chunks_.clear();
  queued_ = 0;
}

}  // namespace sallyport
