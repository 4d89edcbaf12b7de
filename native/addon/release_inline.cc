#include "owned_fds.h"

namespace sallyport {

void Release(int fd) noexcept { ::close(fd); }

}  // namespace sallyport
