/* A host that refuses something: `host WORD… -- PROGRAM ARG…` takes it away from itself and becomes the program. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEW_NAMESPACES 0x7e020000u /* CLONE_NEW*, all but the one for time, which clone cannot make */

static void fail(const char *what)
{
    perror(what);
    exit(99);
}

static int install(struct sock_filter *instructions, unsigned short count, unsigned long flags)
{
    struct sock_fprog program = {count, instructions};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        fail("no_new_privs");
    int done = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (done < 0)
        fail("seccomp");
    return done;
}

#define LOAD(where) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (where))
#define NUMBER offsetof(struct seccomp_data, nr)
#define FLAGS offsetof(struct seccomp_data, args)
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define LENGTH(array) ((unsigned short)(sizeof(array) / sizeof *(array)))

/* As Docker's own filter, and Ubuntu's AppArmor in effect. */
static void no_namespaces(void)
{
    struct sock_filter filter[] = {
        LOAD(NUMBER),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setns, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4),
        LOAD(FLAGS),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NEW_NAMESPACES, 0, 2),
        ANSWER(SECCOMP_RET_ERRNO | EPERM),
        ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    install(filter, LENGTH(filter), 0);
}

static void no_landlock(void)
{
    struct sock_filter filter[] = {
        LOAD(NUMBER),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 444, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 446, 1, 0),
        ANSWER(SECCOMP_RET_ERRNO | ENOSYS),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    install(filter, LENGTH(filter), 0);
}

/* A supervisor that asks for nothing, and is there. The program holds its listener. */
static void listener(void)
{
    struct sock_filter filter[] = {ANSWER(SECCOMP_RET_ALLOW)};
    int fd = install(filter, LENGTH(filter), SECCOMP_FILTER_FLAG_NEW_LISTENER);
    if (dup2(fd, 60) < 0)
        fail("dup2");
    close(fd);
}

static void no_ptrace(void)
{
    if (prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0) != 0)
        fail("drop CAP_SYS_PTRACE");
}

/* As a container's: the kernel then lets nobody mount another in a namespace of an ordinary user. */
static void masked_proc(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", "/proc/sys", "tmpfs", MS_RDONLY, NULL) != 0 || mount("/dev/null", "/proc/version", NULL, MS_BIND, NULL) != 0)
        fail("mask /proc");
}

int main(int count, char **words)
{
    int i = 1;
    for (; i < count && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], "no-namespaces") == 0) no_namespaces();
        else if (strcmp(words[i], "no-landlock") == 0) no_landlock();
        else if (strcmp(words[i], "listener") == 0) listener();
        else if (strcmp(words[i], "no-ptrace") == 0) no_ptrace();
        else if (strcmp(words[i], "masked-proc") == 0) masked_proc();
        else return 98;
    }
    if (i + 1 >= count)
        return 98;
    execv(words[i + 1], words + i + 1);
    fail("exec");
}
