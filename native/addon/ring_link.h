// Two rings and the socket beside them as one connection: bytes and fds out, queued where there is no room; bytes and fds in.
// The socket carries the records of ring_records.h. Nothing here blocks, and nothing here knows JavaScript.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "chunk_queue.h"
#include "owned_fds.h"
#include "ring_memory.h"
#include "ring_records.h"

namespace sallyport {

class RingLink {
 public:
  enum class Side { Broker, Sandboxee };

  // See RingMemory; the fd stays the caller's.
  RingLink(int fd, size_t capacity, Side side);

  bool mapped() const { return memory_.mapped(); }

  // From here on what is written goes to the ring. It waits until both sides read there: before, a record could run into the
  // last frames of the peer's stream.
  void BeginWriting() { writing_ = true; }
  // From here on the ring is read, and the socket carries records.
  void BeginReading(int socket);
  bool writing() const { return writing_; }
  bool reading() const { return reading_; }

  // As SendQueue's. EPROTO: the peer broke the ring. A peer that sleeps is rung by Ring() alone.
  int Submit(int socket, const uint8_t* bytes, size_t length, OwnedFds fds);
  void Ring(int socket);
  int Flush(int socket, size_t budget);
  size_t queued() const { return queue_.queued(); }
  bool empty() const { return queue_.empty(); }
  // What is next waits until the socket takes a record.
  bool wantsSocket() const { return wantsSocket_; }
  // Something is queued, and nobody will tell us that it can go on: the budget was used up.
  bool wantsFlush() const { return reading_ && !queue_.empty() && !wantsSocket_ && !wantsRoom_; }
  ChunkQueue& queue() { return queue_; }

  struct Taken {
    size_t bytes = 0;
    OwnedFds fds;
    RingFault fault = RingFault::None;
    // fds were lost to our own limit.
    bool truncated = false;
    // There is no more for now.
    bool dry = false;
  };

  // Copies out what is there, at most `room` bytes.
  Taken Take(int socket, uint8_t* into, size_t room);
  // Nothing to take, as far as one word of the peer's says.
  bool LooksEmpty() const { return frozen_ || reader_.LooksEmpty(); }
  // Reads records, of a bounded number.
  RingFault ReadSocket(int socket);
  // Whether to poll the socket: not where it has ended, or fds wait that nobody takes.
  bool wantsRecords() const;
  // The socket's end was read, and what is in the ring now is all that there will be.
  bool ended() const { return frozen_; }
  // errno of a socket that failed for good.
  int socketError() const { return socketError_; }

  // The peer rings from here on. True: nothing has come meanwhile, one may sleep.
  bool Sleep();
  void StayAwake();

  uint32_t PeersCpu() const { return reader_.PeersCpu(); }
  void TellCpu(uint32_t cpu) { writer_.TellCpu(cpu); }

 private:
  // Last: some, and no more behind it when it was read.
  enum class Read { Some, Last, Dry };

  int Push(int socket, const uint8_t* bytes, size_t length, OwnedFds& fds, size_t& pushed);
  int AwaitRoom();
  int SendRecord(int socket, uint64_t record, const OwnedFds& fds);
  Read ReadOnce(int socket, RingFault& fault);
  // Reads until the fds have come that belong to the next `count` bytes. Returns how many of these can be taken now.
  size_t FetchFds(int socket, size_t count, RingFault& fault);

  RingMemory memory_;
  RingWriter writer_;
  RingReader reader_;
  RingRecords records_;
  ChunkQueue queue_;
  // Those of records_.positions(), one each.
  std::deque<OwnedFds> held_;
  // That of a record which is not whole.
  OwnedFds loose_;
  bool writing_ = false;
  bool reading_ = false;
  bool wantsSocket_ = false;
  bool wantsRoom_ = false;
  bool frozen_ = false;
  bool truncated_ = false;
  int socketError_ = 0;
};

}  // namespace sallyport
