/* The launcher's reader of plans: whatever bytes it is given, and that it takes what it took again, within them. */
#include "../../../native/launcher/launcher.h"

#include <stdlib.h>
#include <string.h>

static unsigned sum;

static void within(const struct plan *plan, const unsigned char *bytes, uint64_t size)
{
    if (bytes < plan->bytes || bytes + size > plan->bytes + plan->size)
        abort();
    for (uint64_t i = 0; i < size; i++)
        sum += bytes[i];
}

static void look(const struct plan *plan, char kind, const struct value *value)
{
    const unsigned char *cursor = value->bytes;
    switch (kind) {
    case 's':
    case 'p':
        if (strlen(value->text) != value->count)
            abort();
        within(plan, (const unsigned char *)value->text, value->count + 1);
        break;
    case 'b':
        within(plan, value->bytes, value->count);
        break;
    case 'U':
        for (uint32_t i = 0; i < value->count; i++)
            sum += item_u32(value, i);
        break;
    case 'Q':
        for (uint32_t i = 0; i < value->count; i++)
            sum += (unsigned)item_u64(value, i);
        break;
    case 'S':
        for (uint32_t i = 0; i < value->count; i++) {
            const char *text = item_text(&cursor);
            within(plan, (const unsigned char *)text, strlen(text) + 1);
        }
        break;
    default:
        break;
    }
}

static const char *shape_of(uint32_t op)
{
    switch (op) {
#define SHAPE(op, name, shape) \
    case op: \
        return shape;
        SALLYPORT_STEPS(SHAPE)
#undef SHAPE
    default:
        abort();
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    /* Of its own, so that a byte too far is seen. */
    unsigned char *bytes = malloc(size + 1);
    if (bytes == NULL)
        return 0;
    memcpy(bytes, data, size);
    bytes = realloc(bytes, size == 0 ? 1 : size);
    struct plan plan;
    struct step step;
    uint32_t op, steps = 0;
    const char *why = NULL;
    if (plan_open(&plan, bytes, size, &op, &why)) {
        for (; plan_next(&plan, &step); steps++) {
            const char *shape = shape_of(step.op);
            for (size_t i = 0; shape[i] != '\0'; i++)
                look(&plan, shape[i], &step.fields[i]);
        }
        if (steps != plan.steps)
            abort();
    } else if (why == NULL) {
        abort();
    }
    free(bytes);
    return 0;
}
