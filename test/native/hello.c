/* The least that a program does: it starts, allocates, writes a line and ends. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char *text = malloc(1 << 20);
    if (text == NULL) return 1;
    snprintf(text, 64, "hello");
    puts(text);
    free(text);
    return 0;
}
