#include "send_queue.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "arguments.h"

namespace sallyport {
namespace {

constexpr size_t kMaxVectors = 64;

}  // namespace

ssize_t SendOnce(int socket, iovec* vectors, size_t count, const OwnedFds& fds) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxFdsPerMessage)];
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = count;
  if (!fds.empty()) {
    const size_t size = sizeof(int) * fds.size();
    memset(control, 0, CMSG_SPACE(size));
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), fds.data(), size);
  }
  for (;;) {
    const ssize_t sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno != EINTR) return -errno;
  }
}

bool IsTransient(int error) { return error == EAGAIN || error == ENOBUFS || error == ENOMEM; }

int CheckFds(const OwnedFds& fds) {
  for (const int fd : fds) {
    if (fcntl(fd, F_GETFD) < 0) return errno;
  }
  return 0;
}

int SendQueue::Submit(int socket, const uint8_t* bytes, size_t length, OwnedFds fds) {
  size_t sent = 0;
  if (chunks_.empty()) {
    iovec vector{const_cast<uint8_t*>(bytes), length};
    const ssize_t result = SendOnce(socket, &vector, 1, fds);
    if (result < 0 && !IsTransient(int(-result))) return int(-result);
    if (result > 0) {
      sent = size_t(result);
      fds.Clear();
    }
  }
  if (sent == length) return 0;
  const int error = CheckFds(fds);
  if (error == 0) chunks_.Append(bytes + sent, length - sent, std::move(fds));
  return error;
}

int SendQueue::Flush(int socket, size_t budget) {
  size_t spent = 0;
  while (!chunks_.empty()) {
    if (spent >= budget) return EAGAIN;
    iovec vectors[kMaxVectors];
    size_t count = 0;
    size_t offered = 0;
    for (const Chunk& chunk : chunks_.chunks()) {
      if (count == kMaxVectors || offered >= budget) break;
      if (count > 0 && !chunk.fds.empty()) break;
      vectors[count++] = {const_cast<uint8_t*>(chunk.data()), chunk.left()};
      offered += chunk.left();
    }
    const ssize_t result = SendOnce(socket, vectors, count, chunks_.front().fds);
    if (result < 0) return IsTransient(int(-result)) ? EAGAIN : int(-result);
    chunks_.Advance(size_t(result));
    spent += size_t(result);
    if (size_t(result) < offered) return EAGAIN;
  }
  return 0;
}

}  // namespace sallyport
