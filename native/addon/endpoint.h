// One end of a unix stream socket on the event loop: bytes and fds in, in batches; bytes and fds out, queued. The bytes can
// change over to a pair of rings in shared memory.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "arguments.h"
#include "owned_fds.h"
#include "poll_handle.h"
#include "ring_link.h"
#include "send_queue.h"
#include "spin.h"

namespace sallyport {

class Endpoint : public Napi::ObjectWrap<Endpoint>, private PollListener {
 public:
  using Methods = std::vector<Napi::ClassPropertyDescriptor<Endpoint>>;

  static Napi::Function Define(Napi::Env env, const Methods& more = {});
  // receiveSync and writeSync: linked into the sandboxee's addon alone, since a broker must never block.
  static Methods BlockingMethods();

  // new Endpoint(fd, { slab, budget, keepFd }, onBatch, onDrain). Owns the fd once it has returned.
  explicit Endpoint(const Napi::CallbackInfo& info);
  ~Endpoint();

 private:
  // What JavaScript is told in place of an errno.
  static constexpr int kStatusOpen = 0;
  static constexpr int kStatusEndOfFile = 1;
  static constexpr int kStatusControlTruncated = -1000;
  // Less the RingFault.
  static constexpr int kStatusRing = -1000;

  // What one round of reading found, besides the bytes that it put into the slab.
  struct Gathered {
    size_t bytes = 0;
    OwnedFds fds;
    bool truncated = false;
    // The socket has no more for now.
    bool dry = false;
  };

  void Start(const Napi::CallbackInfo& info);
  void Pause(const Napi::CallbackInfo& info);
  void Resume(const Napi::CallbackInfo& info);
  void RefLoop(const Napi::CallbackInfo& info);
  void UnrefLoop(const Napi::CallbackInfo& info);
  Napi::Value Write(const Napi::CallbackInfo& info);
  Napi::Value Publish(const Napi::CallbackInfo& info);
  void WriteSync(const Napi::CallbackInfo& info);
  Napi::Value ReceiveSync(const Napi::CallbackInfo& info);
  Napi::Value Queued(const Napi::CallbackInfo& info);
  Napi::Value Pull(const Napi::CallbackInfo& info);
  void MapRing(const Napi::CallbackInfo& info);
  void WriteRing(const Napi::CallbackInfo& info);
  void ReadRing(const Napi::CallbackInfo& info);
  void DropRing(const Napi::CallbackInfo& info);
  void Shutdown(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  void OnPoll(int status, int events) override;
  void OnWake() override;
  void OnEnvironmentEnd() override;
  void EndTurn();

  // Sends or queues; throws where write() does.
  void Submit(Napi::Env env, OwnedFds fds, const Bytes& bytes);
  void AfterWriting();
  void FlushQueued();
  void TellDrained();
  // The same where nobody may be called.
  int FlushBlocking();
  // 0, EAGAIN where something is left, or a fatal errno.
  int FlushAll(size_t budget);
  short SendingEvents() const;
  void ReadWithinBudget();
  // And what comes next where the peer is at it.
  void ReadThisTurn();
  // At most as much as the turn allows.
  Gathered Gather();
  Gathered GatherRing();
  // Calls onBatch in a callback scope of its own; microtasks run once the slab is in order again.
  void DeliverFromLoop(OwnedFds fds, int status);
  // Calls onBatch and applies what it returns. Throws what it throws.
  void Deliver(OwnedFds fds, int status);
  template <typename Call>
  void InCallbackScope(Call call);

  bool Reading() const { return started_ && !paused_ && !stalled_ && !ended_ && !closed_; }
  Bytes Slab() const;
  bool ReadsRing() const { return ring_ != nullptr && ring_->reading(); }
  bool WritesRing() const { return ring_ != nullptr && ring_->writing(); }
  size_t QueuedBytes() const { return queue_.queued() + (ring_ ? ring_->queued() : 0); }
  // Takes in what the socket has to say of the ring.
  void ReadRecords();
  void BreakRing(RingFault fault);
  // After something happened: looks on, or has the peer ring.
  void SettleRing();
  // Whether nothing is left to do on this turn.
  bool SpinOnce();
  // Whether bytes come before `end`, or soon.
  bool AnswersSoon(uint64_t end);
  // Looks from `now` on. Whether bytes have come; if not, `now` is at or after `end`.
  bool LooksFor(uint64_t& now, uint64_t end);
  void NoteTraffic(size_t received);
  bool MaySpin(uint64_t now);
  // Waits as Spin says. True: bytes came.
  bool SpinForBytes();

  // Makes the handle wait for what is wanted now, and keeps the wrapper object alive as long as that is anything.
  void UpdatePolling();
  // What is left in the slab, or an end that was not reported, is looked at again on the loop's next turn.
  void WakeUp();
  bool HasUnreported() const { return filled_ > 0 || pendingEnd_ != kStatusOpen || sendError_ != 0; }
  void FailSending(int error);
  void HoldSelf(bool hold);
  void CloseNow();
  void ThrowIfClosed(Napi::Env env) const;

  int fd_ = -1;
  size_t budget_ = 0;
  bool keepFd_ = false;
  SendQueue queue_;
  std::unique_ptr<RingLink> ring_;
  Spin spin_{0};
  bool spinning_ = false;
  // What was left in the slab is to be offered again.
  bool reoffer_ = false;
  PollHandle* poll_ = nullptr;

  // Weak: the wrapper object holds them as a property, so that an endpoint that is forgotten can be collected although
  // its callbacks refer to it.
  Napi::ObjectReference slab_;
  Napi::FunctionReference onBatch_;
  Napi::FunctionReference onDrain_;
  napi_async_context async_ = nullptr;

  // Bytes at the front of the slab, left over included.
  size_t filled_ = 0;
  // What may still be read on this turn.
  size_t allowance_ = 0;
  bool started_ = false;
  bool referenced_ = true;
  bool paused_ = false;
  // The slab is full, and nobody consumed anything.
  bool stalled_ = false;
  // The end was reported, or a callback threw: no more reading.
  bool ended_ = false;
  bool closed_ = false;
  bool delivering_ = false;
  // The loop has called us, and all is settled when that is over.
  bool turning_ = false;
  bool wakeRequested_ = false;
  // The queue became empty in a call that blocks: onDrain comes on the loop's next turn.
  bool drainOwed_ = false;
  bool holdsSelf_ = false;
  // Found, and not yet reported since data or a pause comes first.
  int pendingEnd_ = kStatusOpen;
  // errno of a send that failed for good.
  int sendError_ = 0;
};

}  // namespace sallyport
