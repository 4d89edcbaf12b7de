/* Runs the target once for each file that it is given, where there is no libFuzzer. */
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { MOST = 1 << 16 };

int main(int count, char **paths)
{
    static unsigned char bytes[MOST];
    for (int index = 1; index < count; index++) {
        FILE *file = fopen(paths[index], "rb");
        if (file == NULL)
            return 2;
        size_t size = fread(bytes, 1, MOST, file);
        fclose(file);
        LLVMFuzzerTestOneInput(bytes, size);
    }
    return 0;
}
