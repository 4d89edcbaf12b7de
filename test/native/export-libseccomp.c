/* What libseccomp makes of rules: export-libseccomp < rules > programs. Rules by line, all numbers in C's notation:
 *
 *     filter DEFAULT-ACTION OPTIMIZATION
 *     rule ACTION SYSCALL [ARGUMENT OPERATION A B]…
 *     end
 *
 * and for each filter the number of bytes (32 bits) and the program. */
#define _GNU_SOURCE
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_COMPARISONS = 6, MOST_BYTES = 4096 * 8 };

static bool begin(scmp_filter_ctx *context)
{
    const char *action = strtok(NULL, " \n"), *level = strtok(NULL, " \n");
    if (action == NULL || level == NULL)
        return false;
    *context = seccomp_init((uint32_t)strtoul(action, NULL, 0));
    return *context != NULL && seccomp_attr_set(*context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
           seccomp_attr_set(*context, SCMP_FLTATR_CTL_OPTIMIZE, (uint32_t)strtoul(level, NULL, 0)) == 0;
}

static bool add(scmp_filter_ctx context)
{
    struct scmp_arg_cmp comparisons[MOST_COMPARISONS];
    unsigned count = 0;
    const char *action = strtok(NULL, " \n"), *number = strtok(NULL, " \n");
    if (action == NULL || number == NULL)
        return false;
    for (const char *word = strtok(NULL, " \n"); word != NULL; word = strtok(NULL, " \n")) {
        const char *operation = strtok(NULL, " \n"), *a = strtok(NULL, " \n"), *b = strtok(NULL, " \n");
        if (b == NULL || count == MOST_COMPARISONS)
            return false;
        comparisons[count++] = (struct scmp_arg_cmp){
            .arg = (unsigned)strtoul(word, NULL, 0),
            .op = (enum scmp_compare)strtoul(operation, NULL, 0),
            .datum_a = strtoull(a, NULL, 0),
            .datum_b = strtoull(b, NULL, 0),
        };
    }
    const uint32_t value = (uint32_t)strtoul(action, NULL, 0);
    return seccomp_rule_add_exact_array(context, value, atoi(number), count, comparisons) == 0;
}

static bool export(scmp_filter_ctx context)
{
    static char program[MOST_BYTES];
    const int file = memfd_create("program", MFD_CLOEXEC);
    if (file < 0 || seccomp_export_bpf(context, file) != 0)
        return false;
    const ssize_t size = pread(file, program, sizeof program, 0);
    close(file);
    if (size <= 0)
        return false;
    const uint32_t bytes = (uint32_t)size;
    return fwrite(&bytes, sizeof bytes, 1, stdout) == 1 && fwrite(program, bytes, 1, stdout) == 1;
}

int main(void)
{
    char line[1024], copy[1024];
    scmp_filter_ctx context = NULL;
    while (fgets(line, sizeof line, stdin) != NULL) {
        strcpy(copy, line);
        const char *word = strtok(line, " \n");
        const bool done = word != NULL && (strcmp(word, "filter") == 0 ? begin(&context)
                                           : strcmp(word, "rule") == 0 ? add(context)
                                                                       : export(context));
        if (!done) {
            fprintf(stderr, "libseccomp refused: %s", copy);
            return 1;
        }
        if (strcmp(word, "end") == 0)
            seccomp_release(context);
    }
    return 0;
}
