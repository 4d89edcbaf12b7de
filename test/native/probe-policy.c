/* What the kernel makes of a filter: probe-policy FILTER < calls. Each line of input is a syscall, `NUMBER ARGUMENT…` or,
 * by int $0x80, `i386 NUMBER ARGUMENT…`; each line of output is how it ends without the filter and with it, `ok|errno 38`.
 * The processes that make the calls have no privileges, and no listener. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534, ARGUMENTS = 6, SETUP_FAILED = 99 };

struct call {
    bool i386;
    long number;
    unsigned long arguments[ARGUMENTS];
};

static struct sock_filter instructions[BPF_MAXINSNS];
static struct sock_fprog filter = {0, instructions};

static long make(const struct call *call)
{
    const unsigned long *a = call->arguments;
#ifdef __x86_64__
    if (call->i386) {
        long result;
        __asm__ volatile("int $0x80"
                         : "=a"(result)
                         : "a"(call->number), "b"(a[0]), "c"(a[1]), "d"(a[2])
                         : "memory", "r8", "r9", "r10", "r11");
        return result;
    }
#endif
    long result = syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return result == -1 ? -errno : result;
}

static void prepare(bool filtered)
{
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
                           setresuid(NOBODY, NOBODY, NOBODY) != 0))
        _exit(SETUP_FAILED);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        _exit(SETUP_FAILED);
    if (filtered && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0)
        _exit(SETUP_FAILED);
}

/* Shared with the child, which may not even be allowed to exit. */
struct outcome {
    volatile bool known;
    volatile long value;
};

static void report(const struct call *call, bool filtered, struct outcome *outcome)
{
    int status;
    outcome->known = false;
    pid_t child = fork();
    if (child == 0) {
        prepare(filtered);
        outcome->value = make(call);
        outcome->known = true;
        for (;;)
            __asm__ volatile("" ::: "memory");
    }
    while (!outcome->known && waitpid(child, &status, WNOHANG) == 0)
        usleep(50);
    if (outcome->known) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        if (outcome->value < 0 && outcome->value >= -4095)
            printf("errno %ld", -outcome->value);
        else
            printf("ok");
    } else if (WIFSIGNALED(status)) {
        printf("signal %d", WTERMSIG(status));
    } else {
        printf("exit %d", WEXITSTATUS(status));
    }
}

static bool parse(char *line, struct call *call)
{
    char *save, *word = strtok_r(line, " \n", &save);
    memset(call, 0, sizeof *call);
    if (word == NULL)
        return false;
    call->i386 = strcmp(word, "i386") == 0;
    if (call->i386 && (word = strtok_r(NULL, " \n", &save)) == NULL)
        return false;
    call->number = strtol(word, NULL, 0);
    for (int i = 0; i < ARGUMENTS && (word = strtok_r(NULL, " \n", &save)) != NULL; i++)
        call->arguments[i] = strtoul(word, NULL, 0);
    return true;
}

int main(int argc, char **argv)
{
    char line[256];
    struct call call;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL)
        return 2;
    filter.len = (unsigned short)fread(instructions, sizeof *instructions, BPF_MAXINSNS, file);
    fclose(file);
    struct outcome *outcome = mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (outcome == MAP_FAILED)
        return 2;
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (!parse(line, &call))
            return 2;
        report(&call, false, outcome);
        putchar('|');
        report(&call, true, outcome);
        putchar('\n');
        fflush(stdout); /* before the next fork copies what is buffered */
    }
    return 0;
}
