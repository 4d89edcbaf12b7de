/* Runs a program under a filter: exec-filtered FILTER PROGRAM. FILTER is a file of struct sock_filter; nobody listens. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SETUP_FAILED = 99 };

static struct sock_filter instructions[BPF_MAXINSNS];

int main(int argc, char **argv)
{
    if (argc < 3) return SETUP_FAILED;
    const int file = open(argv[1], O_RDONLY | O_CLOEXEC);
    const ssize_t size = read(file, instructions, sizeof instructions);
    if (size <= 0) return SETUP_FAILED;
    const struct sock_fprog filter = {(unsigned short)((size_t)size / sizeof *instructions), instructions};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return SETUP_FAILED;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) return SETUP_FAILED;
    execv(argv[2], argv + 2);
    return SETUP_FAILED;
}
