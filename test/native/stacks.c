// Stacks and memory as a hostile thread would leave them. Loaded by a sandboxee as an addon; never shipped.
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <node_api.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t word(napi_env env, napi_value value) {
  uint64_t result = 0;
  bool lossless;
  napi_get_value_bigint_uint64(env, value, &result, &lossless);
  return result;
}

static void arguments(napi_env env, napi_callback_info info, napi_value *values, size_t count) {
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
}

// map(bytes, executable): the address of anonymous memory that takes up nothing until it is touched
static napi_value map(napi_env env, napi_callback_info info) {
  napi_value values[2], result;
  arguments(env, info, values, 2);
  bool executable = false;
  napi_get_value_bool(env, values[1], &executable);
  int protection = PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0);
  void *memory = mmap(NULL, word(env, values[0]), protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  napi_create_bigint_uint64(env, (uint64_t)memory, &result);
  return result;
}

// write(address, buffer)
static napi_value write_memory(napi_env env, napi_callback_info info) {
  napi_value values[2];
  arguments(env, info, values, 2);
  void *data = NULL;
  size_t length = 0;
  napi_get_buffer_info(env, values[1], &data, &length);
  memcpy((void *)word(env, values[0]), data, length);
  return NULL;
}

// chain(address, bytes, code): fills it with frames, each of which calls the next above it from `code`
static napi_value chain(napi_env env, napi_callback_info info) {
  napi_value values[3];
  arguments(env, info, values, 3);
  uint64_t start = word(env, values[0]), bytes = word(env, values[1]), code = word(env, values[2]);
  for (uint64_t at = start; at + 16 <= start + bytes; at += 16) {
    ((uint64_t *)at)[0] = at + 16;
    ((uint64_t *)at)[1] = code;
  }
  return NULL;
}

// call(number, stack, frame): a syscall, made with these in the stack and the frame pointer
static napi_value call(napi_env env, napi_callback_info info) {
  napi_value values[3];
  arguments(env, info, values, 3);
#ifdef __x86_64__
  register uint64_t stack __asm__("r14") = word(env, values[1]);
  register uint64_t frame __asm__("r15") = word(env, values[2]);
  uint64_t number = word(env, values[0]);
  __asm__ volatile(
      "mov %%rsp, %%r12\n mov %%rbp, %%r13\n mov %%r14, %%rsp\n mov %%r15, %%rbp\n syscall\n"
      "mov %%r12, %%rsp\n mov %%r13, %%rbp"
      : "+a"(number)
      : "r"(stack), "r"(frame), "D"(2l), "S"(1l), "d"(0l)
      : "r12", "r13", "rcx", "r11", "memory");
#endif
  return NULL;
}

// inChild(number): a child of the process makes the syscall; V8 keeps what it compiles from its children
static napi_value in_child(napi_env env, napi_callback_info info) {
  napi_value values[1];
  arguments(env, info, values, 1);
  long number = (long)word(env, values[0]);
  if (syscall(SYS_clone, 17, 0, 0, 0, 0) == 0) _exit((int)syscall(number, 2, 1, 0));
  return NULL;
}

static void *wait_named(void *name) {
  prctl(PR_SET_NAME, name);
  for (;;) poll(NULL, 0, -1);
  return NULL;
}

// threads(count, name): how many could be started; they wait under that name
static napi_value threads(napi_env env, napi_callback_info info) {
  static char name[16];
  napi_value values[2], result;
  arguments(env, info, values, 2);
  size_t length;
  napi_get_value_string_utf8(env, values[1], name, sizeof name, &length);
  uint64_t wanted = word(env, values[0]), started = 0;
  for (; started < wanted; started++) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    if (pthread_create(&thread, &attributes, wait_named, name)) break;
    pthread_detach(thread);
  }
  napi_create_bigint_uint64(env, started, &result);
  return result;
}

static napi_value init(napi_env env, napi_value exports) {
  const struct {
    const char *name;
    napi_callback call;
  } functions[] = {{"map", map}, {"write", write_memory}, {"chain", chain}, {"call", call}, {"inChild", in_child}, {"threads", threads}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}

NAPI_MODULE(stacks, init)
