// Ownership of file descriptors. What is still held at the end of a scope is closed.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace sallyport {

// Closes an fd that a peer may share. The broker hands it to the reaper thread, since the last close of a lingering
// socket blocks for seconds; a sandboxee, which can only hurt itself, closes it at once.
void Release(int fd) noexcept;

// For fds of our own making, whose close cannot block.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Forget()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(other.Forget());
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  int Forget() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

// For fds that came from a peer, or are on their way to one.
class OwnedFds {
 public:
  OwnedFds() = default;
  OwnedFds(OwnedFds&& other) noexcept : fds_(std::exchange(other.fds_, {})) {}
  OwnedFds& operator=(OwnedFds&& other) noexcept {
    if (this != &other) {
      Clear();
      fds_ = std::exchange(other.fds_, {});
    }
    return *this;
  }
  ~OwnedFds() { Clear(); }

  void Add(int fd) {
    try {
      fds_.push_back(fd);
    } catch (...) {
      Release(fd);
      throw;
    }
  }
  bool Contains(int fd) const { return std::find(fds_.begin(), fds_.end(), fd) != fds_.end(); }
  bool empty() const { return fds_.empty(); }
  size_t size() const { return fds_.size(); }
  const int* data() const { return fds_.data(); }
  auto begin() const { return fds_.begin(); }
  auto end() const { return fds_.end(); }

  // From here on somebody else owns them.
  void Forget() noexcept { fds_.clear(); }
  void Clear() noexcept {
    for (const int fd : fds_) Release(fd);
    fds_.clear();
  }

 private:
  std::vector<int> fds_;
};

}  // namespace sallyport
