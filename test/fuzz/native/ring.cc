// The input is what a hostile peer does to a live ring and to the socket beside it, and when the broker does its part: nothing may
// lead out of the memory, block, grow without bound or leave an fd behind.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "addon/ring_link.h"
#include "addon/send_queue.h"

namespace {

using sallyport::RingFault;
using sallyport::RingLink;
using sallyport::RingMemory;

constexpr size_t kCapacity = RingMemory::kLeastCapacity;
constexpr size_t kControlWords = 2 * sizeof(sallyport::RingControl) / sizeof(uint64_t);

void Require(bool holds) {
  if (!holds) abort();
}

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ >= size_; }
  uint8_t Byte() { return empty() ? 0 : data_[at_++]; }
  uint64_t Number() {
    const size_t bytes = Byte() % 9;
    uint64_t value = 0;
    for (size_t index = 0; index < bytes; index++) value = value << 8 | Byte();
    return value;
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

struct World {
  int memory;
  uint64_t* words;
  int spare;

  World() : memory(memfd_create("fuzz", MFD_CLOEXEC)), spare(open("/dev/null", O_RDONLY | O_CLOEXEC)) {
    Require(ftruncate(memory, off_t(RingMemory::SizeFor(kCapacity))) == 0);
    words = static_cast<uint64_t*>(
        mmap(nullptr, RingMemory::SizeFor(kCapacity), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0));
    Require(words != MAP_FAILED);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static World world;
  memset(world.words, 0, kControlWords * sizeof(uint64_t));
  int sockets[2];
  Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) == 0);
  int peer = sockets[1];
  const int lowest = dup(world.spare);
  close(lowest);
  {
    RingLink link(world.memory, kCapacity, RingLink::Side::Broker);
    Require(link.mapped());
    link.BeginWriting();
    link.BeginReading(sockets[0]);
    Input input(data, size);
    bool broken = false;
    size_t written = 0;
    while (!input.empty() && !broken) {
      switch (input.Byte() % 10) {
        case 0:
          world.words[input.Byte() % kControlWords] = input.Number();
          break;
        case 1:
          world.words[input.Byte() % kControlWords] += input.Number();
          break;
        case 2: {
          uint8_t bytes[24];
          const size_t count = input.Byte() % sizeof bytes + 1;
          for (size_t index = 0; index < count; index++) bytes[index] = input.Byte();
          iovec vector{bytes, count};
          sallyport::OwnedFds fds;
          for (size_t fd = input.Byte() % 4; fd > 1; fd--) fds.Add(dup(world.spare));
          if (peer >= 0) sallyport::SendOnce(peer, &vector, 1, fds);
          break;
        }
        case 3: {
          // As an honest peer: a record, its fd, and then the count.
          uint64_t record = input.Byte() % 2 == 0 ? input.Number() : ~uint64_t{0};
          iovec vector{&record, sizeof record};
          sallyport::OwnedFds fds;
          if (record != ~uint64_t{0}) fds.Add(dup(world.spare));
          if (peer >= 0) sallyport::SendOnce(peer, &vector, 1, fds);
          break;
        }
        case 4: {
          std::vector<uint8_t> slab(input.Number() % (2 * kCapacity) + 1);
          const RingLink::Taken taken = link.Take(sockets[0], slab.data(), slab.size());
          Require(taken.bytes <= slab.size() && taken.bytes <= kCapacity);
          Require(taken.fds.size() <= 64);
          broken = taken.fault != RingFault::None;
          break;
        }
        case 5:
          broken = link.ReadSocket(sockets[0]) != RingFault::None;
          break;
        case 6: {
          const std::vector<uint8_t> bytes(input.Number() % (2 * kCapacity) + 1, 7);
          sallyport::OwnedFds fds;
          if (input.Byte() % 4 == 0) fds.Add(dup(world.spare));
          if (written > 8 * kCapacity) break;
          written += bytes.size();
          const int error = link.Submit(sockets[0], bytes.data(), bytes.size(), std::move(fds));
          broken = error != 0;
          Require(link.queued() <= written);
          break;
        }
        case 7: {
          const int error = link.Flush(sockets[0], input.Number() % kCapacity + 1);
          broken = error != 0 && error != EAGAIN;
          break;
        }
        case 8:
          if (!link.Sleep()) link.StayAwake();
          break;
        default:
          if (input.Byte() % 8 == 0 && peer >= 0) {
            close(peer);
            peer = -1;
          } else {
            char drained[64];
            if (peer >= 0 && recv(peer, drained, sizeof drained, MSG_DONTWAIT) < 0) break;
          }
      }
    }
  }
  close(sockets[0]);
  if (peer >= 0) close(peer);
  const int after = dup(world.spare);
  Require(after == (sockets[0] < lowest ? sockets[0] : lowest));
  close(after);
  return 0;
}
