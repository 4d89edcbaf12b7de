/* Decodes plans as the launcher does, without carrying them out: input `u32 length, bytes` repeated on stdin, one line
 * each on stdout: `ok N` with the number of steps, or `broken STEP OP why`. Every field is touched, so that a sanitizer
 * sees what the decoder lets through. */
#include "../../../native/launcher/launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile uint64_t sink;

static void touch(const struct step *step, const char *shape)
{
    for (size_t i = 0; shape[i] != '\0'; i++) {
        const struct value *value = &step->fields[i];
        const unsigned char *cursor = value->bytes;
        sink += value->number;
        for (uint32_t item = 0; item < value->count; item++) {
            if (shape[i] == 'S')
                sink += strlen(item_text(&cursor));
            else if (shape[i] == 'U')
                sink += item_u32(value, item);
            else if (shape[i] == 'Q')
                sink += item_u64(value, item);
            else if (shape[i] == 'b')
                sink += value->bytes[item];
        }
        if (shape[i] == 's' || shape[i] == 'p')
            sink += strlen(value->text);
    }
}

static void check(const unsigned char *bytes, size_t size)
{
    struct plan plan;
    struct step step;
    uint32_t op, steps = 0;
    const char *why;
    if (!plan_open(&plan, bytes, size, &op, &why)) {
        printf("broken %d %u %s\n", (int)plan.next, op, why);
        return;
    }
    while (plan_next(&plan, &step)) {
        steps++;
        switch (step.op) {
#define TOUCH(op, name, shape) \
    case op: \
        touch(&step, shape); \
        break;
            SALLYPORT_STEPS(TOUCH)
#undef TOUCH
        }
    }
    printf("ok %u\n", steps);
}

int main(void)
{
    uint32_t size;
    while (fread(&size, sizeof size, 1, stdin) == 1) {
        /* Exactly as long as the plan, so that one byte too far is seen. */
        unsigned char *bytes = malloc(size);
        if (bytes == NULL || fread(bytes, 1, size, stdin) != size)
            return 1;
        check(bytes, size);
        free(bytes);
    }
    return 0;
}
