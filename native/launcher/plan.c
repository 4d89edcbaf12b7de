/* The bounds-checked decoder of plans. Layout (all little-endian, everything a multiple of four bytes):
 *   header  u32 magic, u32 version, u32 steps, u32 size of the whole
 *   step    u32 op, u32 size of its fields, fields as the shape of the op says
 *   text    u32 length, bytes, NUL, zeros up to a multiple of four; bytes: the same without the NUL
 *   list    u32 count, items */
#include "launcher.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "plans are read as they lie in memory");

enum { HEADER_SIZE = 16 };

struct reader {
    const unsigned char *at, *end;
};

static bool take(struct reader *reader, uint64_t size, const unsigned char **bytes)
{
    if (size > (uint64_t)(reader->end - reader->at))
        return false;
    *bytes = reader->at;
    reader->at += size;
    return true;
}

static bool take_u32(struct reader *reader, uint32_t *number)
{
    const unsigned char *bytes;
    if (!take(reader, sizeof *number, &bytes))
        return false;
    memcpy(number, bytes, sizeof *number);
    return true;
}

static uint64_t padded(uint64_t size)
{
    return (size + 3) & ~(uint64_t)3;
}

static bool all_zero(const unsigned char *bytes, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static bool take_text(struct reader *reader, struct value *value)
{
    uint32_t length;
    const unsigned char *bytes;
    if (!take_u32(reader, &length) || length > SALLYPORT_PLAN_TEXT)
        return false;
    uint64_t size = padded((uint64_t)length + 1);
    if (!take(reader, size, &bytes) || memchr(bytes, 0, length) != NULL || !all_zero(bytes + length, size - length))
        return false;
    value->text = (const char *)bytes;
    value->count = length;
    return true;
}

static bool take_bytes(struct reader *reader, struct value *value)
{
    if (!take_u32(reader, &value->count))
        return false;
    uint64_t size = padded(value->count);
    return take(reader, size, &value->bytes) && all_zero(value->bytes + value->count, size - value->count);
}

static bool take_list(struct reader *reader, struct value *value, uint32_t item_size)
{
    if (!take_u32(reader, &value->count) || value->count > SALLYPORT_PLAN_ITEMS)
        return false;
    if (item_size != 0)
        return take(reader, (uint64_t)value->count * item_size, &value->bytes);
    value->bytes = reader->at;
    struct value text;
    for (uint32_t i = 0; i < value->count; i++)
        if (!take_text(reader, &text))
            return false;
    return true;
}

static bool take_number(struct reader *reader, struct value *value, size_t size)
{
    const unsigned char *bytes;
    if (!take(reader, size, &bytes))
        return false;
    memcpy(&value->number, bytes, size);
    return true;
}

static bool take_field(struct reader *reader, char kind, struct value *value)
{
    switch (kind) {
    case 'u':
    case 'i':
        return take_number(reader, value, 4);
    case 'f':
        return take_number(reader, value, 4) && value->number <= 1;
    case 'q':
        return take_number(reader, value, 8);
    case 's':
        return take_text(reader, value);
    case 'p':
        return take_text(reader, value) && value->text[0] == '/';
    case 'b':
        return take_bytes(reader, value);
    case 'S':
        return take_list(reader, value, 0);
    case 'U':
        return take_list(reader, value, 4);
    case 'Q':
        return take_list(reader, value, 8);
    default:
        return false;
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
        return NULL;
    }
}

static bool take_step(struct reader *reader, struct step *step, const char **why)
{
    uint32_t size;
    const unsigned char *fields;
    memset(step, 0, sizeof *step);
    *why = "it ends before its step does";
    if (!take_u32(reader, &step->op) || !take_u32(reader, &size) || !take(reader, size, &fields))
        return false;
    const char *shape = shape_of(step->op);
    *why = "no step has this number";
    if (shape == NULL)
        return false;
    struct reader inner = {fields, fields + size};
    *why = "the fields do not have the shape of the step";
    for (size_t i = 0; shape[i] != '\0'; i++)
        if (!take_field(&inner, shape[i], &step->fields[i]))
            return false;
    *why = "there are bytes left over after the fields";
    return inner.at == inner.end;
}

static bool check_header(struct plan *plan, const char **why)
{
    struct reader reader = {plan->bytes, plan->bytes + plan->size};
    uint32_t magic, version, size;
    *why = "it is shorter than its header";
    if (!take_u32(&reader, &magic) || !take_u32(&reader, &version) || !take_u32(&reader, &plan->steps) ||
        !take_u32(&reader, &size))
        return false;
    *why = "it is not a plan of this version";
    if (magic != SALLYPORT_PLAN_MAGIC || version != SALLYPORT_PLAN_VERSION)
        return false;
    *why = "its size is not the size that it states";
    if (size != plan->size)
        return false;
    *why = "it has too many steps";
    return plan->steps <= SALLYPORT_PLAN_STEPS;
}

bool plan_open(struct plan *plan, const unsigned char *bytes, size_t size, uint32_t *op, const char **why)
{
    *plan = (struct plan){.bytes = bytes, .size = (uint32_t)size, .next = UINT32_MAX};
    *op = 0;
    *why = "it is longer than a plan may be";
    if (size > SALLYPORT_PLAN_SIZE || !check_header(plan, why))
        return false;
    struct reader reader = {bytes + HEADER_SIZE, bytes + size};
    for (plan->next = 0; plan->next < plan->steps; plan->next++) {
        struct step step;
        bool good = take_step(&reader, &step, why);
        *op = step.op;
        if (!good)
            return false;
    }
    *why = "there are bytes left over after the last step";
    if (reader.at != reader.end)
        return false;
    plan->offset = HEADER_SIZE;
    plan->next = 0;
    return true;
}

bool plan_next(struct plan *plan, struct step *step)
{
    const char *why;
    struct reader reader = {plan->bytes + plan->offset, plan->bytes + plan->size};
    if (plan->next == plan->steps || !take_step(&reader, step, &why))
        return false;
    plan->offset = (uint32_t)(reader.at - plan->bytes);
    plan->next++;
    return true;
}

uint32_t item_u32(const struct value *list, uint32_t index)
{
    uint32_t number;
    memcpy(&number, list->bytes + (size_t)index * sizeof number, sizeof number);
    return number;
}

uint64_t item_u64(const struct value *list, uint32_t index)
{
    uint64_t number;
    memcpy(&number, list->bytes + (size_t)index * sizeof number, sizeof number);
    return number;
}

const char *item_text(const unsigned char **cursor)
{
    uint32_t length;
    memcpy(&length, *cursor, sizeof length);
    const char *text = (const char *)*cursor + sizeof length;
    *cursor += sizeof length + padded((uint64_t)length + 1);
    return text;
}
