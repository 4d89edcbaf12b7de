/* The same, linked dynamically: a binary is named after its source. */
#include "hello.c"
