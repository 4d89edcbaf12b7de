/* as-user UID PROGRAM: becomes an ordinary user for good and executes PROGRAM with an empty environment. */
#define _GNU_SOURCE
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    uid_t id = (uid_t)atoi(arguments[1]);
    char *argv[] = {"sallyport-launcher", NULL}, *environment[] = {NULL};
    if (setgroups(0, NULL) != 0 || setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0)
        return 3;
    execve(arguments[2], argv, environment);
    return 4;
}
