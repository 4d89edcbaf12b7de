#include "receive.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "arguments.h"

namespace sallyport {
namespace {

// Beside the fds: credentials, a pidfd and a security label, should anybody have asked the kernel for them.
constexpr size_t kOtherControlBytes = 512;

void TakeFds(const cmsghdr* header, OwnedFds& fds) {
  const unsigned char* data = CMSG_DATA(const_cast<cmsghdr*>(header));
  const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (size_t index = 0; index < count; index++) {
    int fd;
    memcpy(&fd, data + index * sizeof(int), sizeof(int));
    fds.Add(fd);
  }
}

}  // namespace

Received Receive(int socket, uint8_t* into, size_t room, OwnedFds& fds) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxFdsPerMessage) + kOtherControlBytes];
  iovec vector{into, room};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;

  ssize_t got;
  do {
    got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);

  Received received{Received::Kind::Data};
  if (got < 0) {
    received.kind = errno == EAGAIN ? Received::Kind::WouldBlock : Received::Kind::Failed;
    received.error = errno;
    return received;
  }
  const size_t fdsBefore = fds.size();
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) TakeFds(header, fds);
  }
  received.bytes = size_t(got);
  received.carriedFds = fds.size() > fdsBefore;
  received.truncated = (message.msg_flags & MSG_CTRUNC) != 0;
  if (got == 0) received.kind = Received::Kind::EndOfFile;
  return received;
}

}  // namespace sallyport
