// Native code in the attacker's hands: an addon that makes any syscall, with any arguments, in any way. Never shipped.
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <errno.h>
#include <node_api.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_ARGS = 7 };

static napi_value number(napi_env env, int64_t value) {
  napi_value result;
  napi_create_int64(env, value, &result);
  return result;
}

// A number, a bigint, or a Buffer, which stands for its address.
static long argument(napi_env env, napi_value value) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  if (type == napi_bigint) {
    int64_t result = 0;
    bool lossless;
    napi_get_value_bigint_int64(env, value, &result, &lossless);
    return result;
  }
  if (type == napi_object) {
    void *data = NULL;
    size_t length;
    napi_get_buffer_info(env, value, &data, &length);
    return (long)data;
  }
  int64_t result = 0;
  napi_get_value_int64(env, value, &result);
  return result;
}

static size_t arguments(napi_env env, napi_callback_info info, long *out) {
  size_t count = MAX_ARGS;
  napi_value values[MAX_ARGS];
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
  if (count > MAX_ARGS) count = MAX_ARGS;
  memset(out, 0, sizeof(long) * MAX_ARGS);
  for (size_t i = 0; i < count; i++) out[i] = argument(env, values[i]);
  return count;
}

// syscall(number, ...arguments): the kernel's value, or -errno
static napi_value raw_syscall(napi_env env, napi_callback_info info) {
  long a[MAX_ARGS];
  arguments(env, info, a);
  long result = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
  return number(env, result < 0 ? -errno : result);
}

// The same through the 32-bit door, with the i386 numbers.
static napi_value int80(napi_env env, napi_callback_info info) {
  long a[MAX_ARGS];
  arguments(env, info, a);
#ifdef __x86_64__
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(a[0]), "b"(a[1]), "c"(a[2]), "d"(a[3]) : "memory", "r8", "r9", "r10", "r11");
  return number(env, result);
#else
  return number(env, -ENOSYS);
#endif
}

// address(buffer): for structs that hold pointers
static napi_value address(napi_env env, napi_callback_info info) {
  long a[MAX_ARGS];
  arguments(env, info, a);
  napi_value result;
  napi_create_bigint_uint64(env, (uint64_t)a[0], &result);
  return result;
}

// allocate(bytes, step): mallocs in steps and touches every page; the bytes that were had before it was refused
static napi_value allocate(napi_env env, napi_callback_info info) {
  long a[MAX_ARGS];
  arguments(env, info, a);
  long done = 0;
  for (; done < a[0]; done += a[1]) {
    char *block = malloc((size_t)a[1]);
    if (!block) break;
    for (long i = 0; i < a[1]; i += 4096) ((volatile char *)block)[i] = 1;
  }
  return number(env, done);
}

// map(bytes, flags): one anonymous mapping, every page touched; 0 or -errno
static napi_value map(napi_env env, napi_callback_info info) {
  long a[MAX_ARGS];
  arguments(env, info, a);
  char *memory = mmap(NULL, (size_t)a[0], PROT_READ | PROT_WRITE, (int)a[1] | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return number(env, -errno);
  for (long i = 0; i < a[0]; i += 4096) ((volatile char *)memory)[i] = 1;
  return number(env, 0);
}

static void *wait_for_ever(void *unused) {
  (void)unused;
  for (;;) poll(NULL, 0, -1);
  return NULL;
}

static void *make_syscalls(void *packed) {
  long *a = packed;
  for (;;) syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
  return NULL;
}

// threads(count): how many could be started; they wait without a syscall that a policy could mind
static napi_value threads(napi_env env, napi_callback_info info) {
  long a[MAX_ARGS];
  arguments(env, info, a);
  long started = 0;
  for (; started < a[0]; started++) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    if (pthread_create(&thread, &attributes, wait_for_ever, NULL)) break;
    pthread_detach(thread);
  }
  return number(env, started);
}

// storm(number, ...arguments): a thread that makes one syscall for ever
static napi_value storm(napi_env env, napi_callback_info info) {
  long *a = malloc(sizeof(long) * MAX_ARGS);
  arguments(env, info, a);
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  int failed = pthread_create(&thread, &attributes, make_syscalls, a);
  if (!failed) pthread_detach(thread);
  return number(env, failed ? -failed : 0);
}

// sendWithFds(socket, bytes, [fds]): one sendmsg; bytes sent or -errno
static napi_value send_with_fds(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value values[3];
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
  void *data = NULL;
  size_t length = 0;
  napi_get_buffer_info(env, values[1], &data, &length);
  uint32_t fds = 0;
  napi_get_array_length(env, values[2], &fds);
  if (fds > 253) fds = 253;
  union {
    char room[CMSG_SPACE(sizeof(int) * 253)];
    struct cmsghdr align;
  } control;
  memset(&control, 0, sizeof control);
  struct iovec io = {data, length};
  struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};
  if (fds > 0) {
    message.msg_control = control.room;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fds);
    for (uint32_t i = 0; i < fds; i++) {
      napi_value element;
      napi_get_element(env, values[2], i, &element);
      int fd = (int)argument(env, element);
      memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof fd);
    }
  }
  ssize_t sent = sendmsg((int)argument(env, values[0]), &message, MSG_NOSIGNAL);
  return number(env, sent < 0 ? -errno : sent);
}

struct scribble {
  volatile uint8_t *memory;
  size_t length;
  uint64_t dice;
};

static uint64_t roll(struct scribble *own) {
  own->dice ^= own->dice << 13;
  own->dice ^= own->dice >> 7;
  own->dice ^= own->dice << 17;
  return own->dice;
}

// Words that were there, a little off; small ones; ones; and any.
static void *write_nonsense(void *packed) {
  struct scribble *own = packed;
  for (;;) {
    size_t at = roll(own) % (own->length / 8) * 8;
    volatile uint64_t *word = (volatile uint64_t *)(own->memory + at);
    switch (roll(own) % 4) {
      case 0: *word += roll(own) % 4096 - 2048; break;
      case 1: *word = roll(own) % 4096; break;
      case 2: *word = 1; break;
      default: *word = roll(own); break;
    }
    for (uint64_t pause = roll(own) % 2000; pause > 0; pause--) __asm__ volatile("" ::: "memory");
  }
  return NULL;
}

// mapShared(fd, bytes): the memory as a Buffer, for good
static napi_value map_shared(napi_env env, napi_callback_info info) {
  long a[MAX_ARGS];
  arguments(env, info, a);
  void *memory = mmap(NULL, (size_t)a[1], PROT_READ | PROT_WRITE, MAP_SHARED, (int)a[0], 0);
  if (memory == MAP_FAILED) return number(env, -errno);
  napi_value buffer;
  napi_create_external_buffer(env, (size_t)a[1], memory, NULL, NULL, &buffer);
  return buffer;
}

// scribble(buffer, bytes, seed): a thread that writes nonsense over the first bytes of it, for ever
static napi_value scribble(napi_env env, napi_callback_info info) {
  long a[MAX_ARGS];
  arguments(env, info, a);
  struct scribble *own = malloc(sizeof *own);
  *own = (struct scribble){(volatile uint8_t *)a[0], (size_t)a[1], (uint64_t)a[2] * 2654435761u + 1};
  pthread_t thread;
  int failed = pthread_create(&thread, NULL, write_nonsense, own);
  if (!failed) pthread_detach(thread);
  return number(env, failed ? -failed : 0);
}

static napi_value init(napi_env env, napi_value exports) {
  const struct {
    const char *name;
    napi_callback call;
  } functions[] = {{"syscall", raw_syscall}, {"int80", int80},     {"address", address}, {"allocate", allocate},
                   {"map", map},             {"threads", threads}, {"storm", storm},     {"sendWithFds", send_with_fds},
                   {"mapShared", map_shared},  {"scribble", scribble}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}

NAPI_MODULE(attack, init)
