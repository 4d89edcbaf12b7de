#include "threads.h"

namespace sallyport {
namespace {

void Nothing(int) {}

int InstallWakeSignal() {
  for (int signal = SIGRTMAX; signal > SIGRTMIN; signal--) {
    struct sigaction present;
    if (sigaction(signal, nullptr, &present) < 0 || present.sa_handler != SIG_DFL) continue;
    struct sigaction ours {};
    ours.sa_handler = Nothing;
    // Without SA_RESTART: the interruption is the purpose.
    ours.sa_flags = 0;
    if (sigaction(signal, &ours, nullptr) == 0) return signal;
  }
  return SIGURG;
}

}  // namespace

AllSignalsBlocked::AllSignalsBlocked() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before_);
}

AllSignalsBlocked::~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

int WakeSignal() {
  static const int signal = InstallWakeSignal();
  return signal;
}

void AcceptWakeSignal() {
  sigset_t wake;
  sigemptyset(&wake);
  sigaddset(&wake, WakeSignal());
  pthread_sigmask(SIG_UNBLOCK, &wake, nullptr);
}

}  // namespace sallyport
