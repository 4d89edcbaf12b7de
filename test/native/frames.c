// A program that waits at the end of a known chain of calls, the fd of its argument 1 closed once it is there.
#include <stdlib.h>
#include <unistd.h>

static volatile int sink;

__attribute__((noinline)) void waiting(int fd) {
  close(fd);
  while (sink >= 0) pause();
}

__attribute__((noinline)) int recurse(int depth, int fd) {
  volatile char room[100];
  room[0] = (char)depth;
  if (depth == 0) waiting(fd);
  else sink += recurse(depth - 1, fd);
  return sink + room[0];
}

__attribute__((noinline)) int outer(int depth, int fd) { return recurse(depth, fd) + sink; }

int main(int count, char **arguments) { return outer(count > 1 ? atoi(arguments[1]) : 0, 3) + sink; }
