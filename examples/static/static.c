/* The untrusted half: counts the bytes of a file that it is handed, in C, with no library but the C client of comms.
 *
 *     broker     int32: how many bytes at most; the fd of the file; a shared buffer of 256 counters
 *     program    uint64: how many bytes there were; the buffer, filled; string: a word on it; bytes: its first ones */
#define _GNU_SOURCE
#include <sallyport/comms.h>

enum { KINDS = 256, CHUNK = 64 * 1024, FIRST = 16 };

static unsigned char chunk[CHUNK];

int main(void)
{
    struct sallyport_comms comms;
    struct sallyport_buffer counters;
    unsigned char first[FIRST];
    uint64_t total = 0, kept = 0;
    int32_t most;
    int file;
    if (!sallyport_open(&comms) || !sallyport_recv_int32(&comms, &most) || !sallyport_recv_fd(&comms, &file) ||
        !sallyport_recv_buffer(&comms, &counters) || counters.size != KINDS * sizeof(uint64_t))
        return 1;
    uint64_t *counts = counters.bytes;
    while (total < (uint64_t)most) {
        uint64_t wanted = (uint64_t)most - total;
        ssize_t size = read(file, chunk, wanted < CHUNK ? wanted : CHUNK);
        if (size <= 0)
            break;
        for (ssize_t i = 0; i < size; i++) {
            counts[chunk[i]]++;
            if (kept < FIRST)
                first[kept++] = chunk[i];
        }
        total += (uint64_t)size;
    }
    const char *word = counts[0] > 0 ? "binary" : "text";
    bool sent = sallyport_send_uint64(&comms, total) && sallyport_send_buffer(&comms, &counters) &&
                sallyport_send_string(&comms, word) && sallyport_send_bytes(&comms, first, kept);
    return sent ? 0 : 1;
}
