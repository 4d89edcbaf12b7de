/* What the kernel decides under a filter: decide < batches > errnos. A batch is the number of instructions, the number of
 * calls, the instructions and the calls; the answer is one errno a call, or ENOTSUPP for each where the kernel does not
 * take the filter for that. Nothing is ever executed: it takes only filters whose every return is an errno. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel's own: its JIT gave up on the filter. */
enum { ENOTSUPP = 524 };

enum { ARGUMENTS = 6, MOST_CALLS = 1 << 16, UNTRANSLATABLE = 98, SETUP_FAILED = 99, LONGEST_BATCH_SECONDS = 60 };

struct call {
    uint32_t i386; /* 1: by int $0x80 */
    int32_t number;
    uint64_t arguments[ARGUMENTS];
};

struct batch {
    uint32_t instructions, calls;
};

static struct sock_filter program[BPF_MAXINSNS];
static struct call calls[MOST_CALLS];

/* Shared with the child, which cannot even exit. */
struct outcome {
    volatile uint32_t made;
    int32_t errnos[MOST_CALLS];
};

static long make(const struct call *call)
{
    const uint64_t *a = call->arguments;
#ifdef __x86_64__
    if (call->i386 != 0) {
        long result;
        __asm__ volatile("int $0x80"
                         : "=a"(result)
                         : "a"((long)call->number), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
                         : "memory", "r8", "r9", "r10", "r11");
        return result;
    }
#endif
    long result = syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return result == -1 ? -errno : result;
}

static _Noreturn void decide(const struct batch *batch, struct outcome *outcome)
{
    const struct sock_fprog filter = {(unsigned short)batch->instructions, program};
    alarm(LONGEST_BATCH_SECONDS);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        _exit(SETUP_FAILED);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0)
        _exit(errno == ENOTSUPP ? UNTRANSLATABLE : SETUP_FAILED);
    for (uint32_t i = 0; i < batch->calls; i++) {
        long result = make(&calls[i]);
        outcome->errnos[i] = result < 0 && result >= -4095 ? (int32_t)-result : -1;
        outcome->made = i + 1;
    }
    __builtin_trap();
}

static bool harmless(const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->instructions; i++) {
        if (BPF_CLASS(program[i].code) != BPF_RET)
            continue;
        if (program[i].code != (BPF_RET | BPF_K) || (program[i].k & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO ||
            (program[i].k & SECCOMP_RET_DATA) == 0)
            return false;
    }
    return true;
}

static bool receive(struct batch *batch)
{
    if (fread(batch, sizeof *batch, 1, stdin) != 1)
        return false;
    if (batch->instructions > BPF_MAXINSNS || batch->calls > MOST_CALLS)
        _exit(2);
    if (fread(program, sizeof *program, batch->instructions, stdin) != batch->instructions ||
        fread(calls, sizeof *calls, batch->calls, stdin) != batch->calls || !harmless(batch))
        _exit(2);
    return true;
}

int main(void)
{
    const struct rlimit no_core = {0, 0};
    struct batch batch;
    struct outcome *outcome = mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (outcome == MAP_FAILED || setrlimit(RLIMIT_CORE, &no_core) != 0)
        return 2;
    while (receive(&batch)) {
        int status;
        outcome->made = 0;
        const pid_t child = fork();
        if (child == 0)
            decide(&batch, outcome);
        if (child < 0 || waitpid(child, &status, 0) != child)
            return 2;
        if (WIFEXITED(status) && WEXITSTATUS(status) == UNTRANSLATABLE) {
            for (uint32_t i = 0; i < batch.calls; i++)
                outcome->errnos[i] = ENOTSUPP;
        } else if (outcome->made != batch.calls || !WIFSIGNALED(status)) {
            fprintf(stderr, "%u of %u calls were made, status 0x%x\n", outcome->made, batch.calls, status);
            return 3;
        }
        fwrite(outcome->errnos, sizeof *outcome->errnos, batch.calls, stdout);
        fflush(stdout); /* before the next fork copies what is buffered */
    }
    return 0;
}
