// Threads of our own beside Node's.
#pragma once

#include <pthread.h>
#include <signal.h>

namespace sallyport {

// While it lives, new threads are born with every signal blocked: Node's handlers belong on Node's threads.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked();
  ~AllSignalsBlocked();
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

// A signal whose only effect is to make a blocking syscall of ours return EINTR, sent with pthread_kill. Its handler is
// installed on the first call, on the highest real-time signal that nobody has taken: Node has no name for those.
int WakeSignal();

// Lets the wake signal, and no other, reach the calling thread.
void AcceptWakeSignal();

}  // namespace sallyport
