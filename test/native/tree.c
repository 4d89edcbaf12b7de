/* Grows a process tree that does not want to end, as its first argument says, once a byte or the end came on stdin, and
 * says `ready` on stdout. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *word)
{
    if (write(1, word, strlen(word)) < 0)
        _exit(9);
}

static void wait_for_ever(void)
{
    for (;;)
        pause();
}

static void ignore_everything(void)
{
    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        signal(signal_number, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

/* So many children, each of which does something and never comes back. */
static void children(int count, void (*work)(void))
{
    for (int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child < 0)
            _exit(8);
        if (child == 0) {
            work();
            wait_for_ever();
        }
    }
}

/* Its child leaves session and group, and loses its parent. */
static void detach(void)
{
    if (setsid() < 0)
        _exit(7);
    pid_t child = fork();
    if (child != 0)
        _exit(child < 0 ? 8 : 0);
    ignore_everything();
    prctl(PR_SET_NAME, "detached");
    wait_for_ever();
}

static void stop(void)
{
    ignore_everything();
    raise(SIGSTOP);
}

/* The parent of a vfork sleeps uninterruptibly, for all but a fatal signal, until the child has exec'd or ended. */
static void wait_in_vfork(void)
{
    if (vfork() == 0)
        wait_for_ever();
}

static void *spin(void *unused)
{
    for (;;)
        getppid();
    return unused;
}

/* The main thread ends before the others. */
static void leave_the_main_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, spin, NULL) != 0)
        _exit(6);
    pthread_exit(NULL);
}

/* Every one starts others for as long as it can. */
static void bomb(void)
{
    ignore_everything();
    for (;;)
        (void)fork();
}

/* Signals everybody that it may, itself too, and takes every signal. */
static void take(int signal_number)
{
    (void)signal_number;
}

static void storm(void)
{
    struct sigaction action = {.sa_handler = take};
    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        sigaction(signal_number, &action, NULL);
    for (;;)
        kill(-1, SIGUSR1);
}

/* Each is the parent of the next. */
static void chain(int depth)
{
    while (depth-- > 0) {
        pid_t child = fork();
        if (child < 0)
            _exit(8);
        if (child > 0)
            wait_for_ever();
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int count = argc > 2 ? atoi(argv[2]) : 1;
    char go;
    if (read(0, &go, 1) < 0)
        return 4;
    if (strcmp(what, "idle") == 0) {
        children(count, wait_for_ever);
    } else if (strcmp(what, "ignore") == 0) {
        ignore_everything();
        children(count, ignore_everything);
    } else if (strcmp(what, "detach") == 0) {
        children(count, detach);
        while (wait(NULL) > 0)
            ;
    } else if (strcmp(what, "stop") == 0) {
        children(count, stop);
        for (int i = 0; i < count; i++)
            waitpid(-1, NULL, WUNTRACED);
        say("ready\n");
        stop();
    } else if (strcmp(what, "vfork") == 0) {
        children(count, wait_in_vfork);
    } else if (strcmp(what, "headless") == 0) {
        children(count, leave_the_main_thread);
    } else if (strcmp(what, "bomb") == 0) {
        say("ready\n");
        bomb();
    } else if (strcmp(what, "storm") == 0) {
        /* They begin together, when the last of them is there. */
        int gate[2];
        char byte;
        if (pipe(gate) != 0)
            return 5;
        for (int i = 0; i < count; i++) {
            pid_t child = fork();
            if (child < 0)
                return 8;
            if (child == 0) {
                close(gate[1]);
                (void)!read(gate[0], &byte, 1);
                storm();
            }
        }
        signal(SIGUSR1, SIG_IGN);
        say("ready\n");
        close(gate[1]);
        wait_for_ever();
    } else if (strcmp(what, "chain") == 0) {
        chain(count);
    } else if (strcmp(what, "orphans") == 0) {
        /* The program itself ends, and leaves them behind. */
        children(count, detach);
        say("ready\n");
        return 0;
    } else if (strcmp(what, "refused") == 0) {
        /* Asks for more than there is, and ends at once with a code. */
        for (int i = 0; i < count; i++) {
            pid_t child = fork();
            if (child == 0)
                wait_for_ever();
            if (child < 0)
                _exit(errno == EAGAIN ? 11 : 12);
        }
        return 0;
    } else {
        return 2;
    }
    say("ready\n");
    wait_for_ever();
}
