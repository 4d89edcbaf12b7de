// What native code may have started before the gate, and what no JavaScript can: tasks that share some of the process and
// not the rest, processes that nobody waits for, a thread with a filter of its own. Never shipped.
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <node_api.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK = 64 * 1024, COMMS = 3 };

static napi_value number(napi_env env, int64_t value) {
  napi_value result;
  napi_create_int64(env, value, &result);
  return result;
}

static int64_t argument(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value value;
  napi_get_cb_info(env, info, &count, &value, NULL, NULL);
  int64_t result = 0;
  napi_get_value_int64(env, value, &result);
  return result;
}

static volatile int done;

static int wait_for_ever(void *unused) {
  (void)unused;
  done = 1;
  for (;;) pause();
  return 0;
}

static int hold_socket(void *unused) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) return -1;
  return wait_for_ever(unused);
}

static int replace_comms(void *unused) {
  dup2(0, COMMS);
  return wait_for_ever(unused);
}

// A task with these flags of clone(2) that has done `first` when this returns: its id, or -errno.
static int64_t start(int (*first)(void *), int flags) {
  done = 0;
  char *stack = malloc(STACK);
  int id = clone(first, stack + STACK, flags, NULL);
  if (id < 0) return -errno;
  while (!done) sched_yield();
  return id;
}

enum { THREAD_WITH_OWN_FDS = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FS };

static napi_value thread_with_own_socket(napi_env env, napi_callback_info info) {
  (void)info;
  return number(env, start(hold_socket, THREAD_WITH_OWN_FDS));
}

static napi_value thread_with_other_comms(napi_env env, napi_callback_info info) {
  (void)info;
  return number(env, start(replace_comms, THREAD_WITH_OWN_FDS));
}

static napi_value process_in_same_memory(napi_env env, napi_callback_info info) {
  (void)info;
  return number(env, start(wait_for_ever, CLONE_VM | SIGCHLD));
}

static void fork_and_wait_for_ever(void) {
  if (fork() == 0) wait_for_ever(NULL);
}

static napi_value helper(napi_env env, napi_callback_info info) {
  (void)info;
  fork_and_wait_for_ever();
  return number(env, 0);
}

// Its parent is gone when this returns.
static napi_value orphan(napi_env env, napi_callback_info info) {
  (void)info;
  pid_t parent = fork();
  if (parent == 0) {
    fork_and_wait_for_ever();
    _exit(0);
  }
  waitpid(parent, NULL, 0);
  return number(env, 0);
}

// A process that has ended, and that its parent has waited for.
static napi_value finished(napi_env env, napi_callback_info info) {
  (void)info;
  pid_t child = fork();
  if (child == 0) _exit(5);
  int status = 0;
  waitpid(child, &status, 0);
  return number(env, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static struct sock_filter allow_all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};

// allowAll(flags): a filter that refuses nothing, on this thread or on all; what seccomp(2) returns, or -errno
static napi_value install_allow_all(napi_env env, napi_callback_info info) {
  struct sock_fprog program = {1, allow_all};
  long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, argument(env, info), &program);
  return number(env, result < 0 ? -errno : result);
}

static void *filter_itself(void *unused) {
  struct sock_fprog program = {1, allow_all};
  syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
  wait_for_ever(unused);
  return NULL;
}

static napi_value thread_with_own_filter(napi_env env, napi_callback_info info) {
  (void)info;
  done = 0;
  pthread_t thread;
  if (pthread_create(&thread, NULL, filter_itself, NULL)) return number(env, -1);
  while (!done) sched_yield();
  return number(env, 0);
}

static void *nothing(void *unused) { return unused; }

static void *come_and_go(void *unused) {
  (void)unused;
  for (;;) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, nothing, NULL) == 0) pthread_join(thread, NULL);
    int fd = fcntl(0, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0) close(fd);
  }
  return NULL;
}

// A thread that starts and joins threads, opens and closes fds, and never stops.
static napi_value restless(napi_env env, napi_callback_info info) {
  (void)info;
  pthread_t thread;
  return number(env, pthread_create(&thread, NULL, come_and_go, NULL));
}

static void *hoard(void *wanted) {
  for (int64_t had = 0; had < (int64_t)wanted; had += 1 << 20) {
    char *block = malloc(1 << 20);
    if (!block) break;
    for (int i = 0; i < 1 << 20; i += 4096) ((volatile char *)block)[i] = 1;
    usleep(2000);
  }
  wait_for_ever(NULL);
  return NULL;
}

// endMainThread(bytes): the thread that calls ends, and nothing else; another one then fills that much memory.
static napi_value end_main_thread(napi_env env, napi_callback_info info) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, hoard, (void *)argument(env, info)) == 0) syscall(SYS_exit, 0);
  return number(env, -1);
}

static napi_value init(napi_env env, napi_value exports) {
  const struct {
    const char *name;
    napi_callback call;
  } functions[] = {{"threadWithOwnSocket", thread_with_own_socket},
                   {"threadWithOtherComms", thread_with_other_comms},
                   {"threadWithOwnFilter", thread_with_own_filter},
                   {"processInSameMemory", process_in_same_memory},
                   {"helper", helper},
                   {"orphan", orphan},
                   {"finished", finished},
                   {"allowAll", install_allow_all},
                   {"restless", restless},
                   {"endMainThread", end_main_thread}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}

NAPI_MODULE(gate_tasks, init)
