/* The launcher: an interpreter of a plan (broker/plan). Every choice is made in the plan; each step carries one
 * out, checks it, and on failure leaves errno and says what it was about, then nothing more is done. */
#ifndef SALLYPORT_LAUNCHER_H
#define SALLYPORT_LAUNCHER_H

/* Before the first header of the system: every file includes this one first. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../include/sallyport/constants.h"

/* plan.c ------------------------------------------------------------------------------------------------- */

/* One field of a step. Text is NUL-terminated; a list is `count` encoded items from `bytes` on. */
struct value {
    uint64_t number;
    const char *text;
    const unsigned char *bytes;
    uint32_t count; /* bytes of a byte string, items of a list */
};

struct step {
    uint32_t op;
    struct value fields[SALLYPORT_STEP_FIELDS];
};

/* Points into the bytes of the plan, which it does not own. */
struct plan {
    const unsigned char *bytes;
    uint32_t size, offset, steps, next;
};

/* Checks the whole of it, so that no step runs of a plan that is broken further on. On failure *why says why,
 * plan->next is the index of the broken step, and *op its number (UINT32_MAX and 0: the header). */
bool plan_open(struct plan *plan, const unsigned char *bytes, size_t size, uint32_t *op, const char **why);
/* The next step; false at the end. */
bool plan_next(struct plan *plan, struct step *step);

uint32_t item_u32(const struct value *list, uint32_t index);
uint64_t item_u64(const struct value *list, uint32_t index);
/* The text at *cursor (at first list->bytes), and moves *cursor to the next. */
const char *item_text(const unsigned char **cursor);

/* The interpreter ---------------------------------------------------------------------------------------- */

/* Without a pid namespace: how everything that the program starts is ended. */
struct tree {
    uint32_t reach;       /* enum reach; 0: this is pid 1, and the kernel does it */
    uint64_t scoped;      /* Landlock scopes of the program alone, so that it cannot signal this process */
    int broker;           /* pidfd, close-on-exec */
    pid_t self, program;  /* program: 0 until there is one */
    struct value stage0;  /* the filter that the program alone gets; no bytes: none */
};
enum reach { REACH_UID = 1, REACH_DOMAIN = 2, REACH_GROUP = 3 };

struct launch {
    uint32_t index, op;  /* the step that is being carried out */
    int life;            /* socket to the broker, close-on-exec */
    int host, root;      /* O_PATH: the host's tree and the new root, between stagingRoot and pivot, else -1 */
    uint32_t namespaces; /* CLONE_NEW* that this process has left the host's for */
    bool own_uid;        /* identity has given it a uid that nobody else has */
    bool own_domain;     /* landlock lets its signals reach nothing but what it starts */
    struct tree tree;
    int kept[SALLYPORT_KEPT_FDS];
    uint32_t kept_count; /* the program's fds */
};

/* A step returns 0, or -1 after failure(). */
#define DECLARE_STEP(op, name, shape) int step_##name(struct launch *launch, const struct value *fields);
SALLYPORT_STEPS(DECLARE_STEP)
#undef DECLARE_STEP

/* report.c ----------------------------------------------------------------------------------------------- */

/* Keeps errno and "what: name" for the report; name may be NULL. Returns -1. */
int failure(const char *what, const char *name);
/* Sends what failure() kept. */
void report_failed(const struct launch *launch);
/* Sends an empty frame with an fd. */
int report_process(const struct launch *launch, uint32_t tag, int fd);
int report_executed(const struct launch *launch);
int report_exited(const struct launch *launch, int status);
/* Ends this process, by a single system call. Neither _exit nor _Noreturn: sanitizers make system calls of their own
 * in the one and before calls of the other, and the filter of pid 1 kills for them. */
void leave(int code);

/* supervise.c -------------------------------------------------------------------------------------------- */

/* A signalfd that tells of the ends of children, or -1 after failure(). */
int child_signals(void);
/* Once the program is there, which would inherit it. */
void be_prompt(void);
/* As exec takes them: the array has room for one more than the list has items. */
void fill_texts(char **array, const struct value *texts);
/* The program has its own copies. */
void close_kept(const struct launch *launch);
/* Ends this process, and with it everything that the program has started. Not for the child. */
void end_all(const struct launch *launch, int code);
/* Does not return. */
void supervise(const struct launch *launch, pid_t program, int signals);

/* tree.c ------------------------------------------------------------------------------------------------- */

/* Whether this process can end everything that the program starts: it is pid 1, or `subreaper` was carried out. */
bool require_reaper(const struct launch *launch);
/* In the child, before its filters: what keeps it within reach. Makes no call and is true where this is pid 1. */
bool stay_within_reach(const struct launch *launch);
/* Whether the program is a zombie: its number is still its own. */
bool program_has_ended(const struct launch *launch);
/* SIGKILL to everything in the tree, at once. Before the program is reaped: afterwards its number may be another's. */
void signal_tree(const struct launch *launch);
/* Returns when no process of the tree is left. */
void await_tree(const struct launch *launch);

/* Shared by several themes ------------------------------------------------------------------------------- */

/* A copy of this process that shares nothing with it. Returns as fork does; with CLONE_PIDFD the parent gets *pidfd. */
pid_t raw_clone(unsigned long flags, int *pidfd);
/* This process makes another as a child of the broker (CLONE_PARENT), which thus can wait for it, and ends; the other goes
 * on with the plan. It reports itself, before anything else that it may have to report: nobody has to outlive anybody
 * for the broker to learn whom to kill and to reap. Its resource usage begins anew, without the broker's peak of memory,
 * which an exec after a vfork inherits. */
int go_on_as_child(const struct launch *launch, unsigned long flags);
int install_filter(const struct value *program);
int write_file(const char *path, const char *text);
/* close() that leaves errno alone; a negative fd is ignored. */
void close_quietly(int fd);

#endif
