// Bytes that wait to be sent, in order. fds travel with the first byte of their chunk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "owned_fds.h"

namespace sallyport {

struct Chunk {
  std::vector<uint8_t> bytes;
  size_t sent = 0;
  OwnedFds fds;

  const uint8_t* data() const { return bytes.data() + sent; }
  size_t left() const { return bytes.size() - sent; }
};

class ChunkQueue {
 public:
  // Copies the bytes.
  void Append(const uint8_t* bytes, size_t length, OwnedFds fds);
  // That many bytes of the front were sent, and the fds of what is sent in part.
  void Advance(size_t sent);
  void Clear();

  const std::deque<Chunk>& chunks() const { return chunks_; }
  Chunk& front() { return chunks_.front(); }
  Chunk Take();
  size_t queued() const { return queued_; }
  bool empty() const { return chunks_.empty(); }

 private:
  std::deque<Chunk> chunks_;
  size_t queued_ = 0;
};

}  // namespace sallyport
