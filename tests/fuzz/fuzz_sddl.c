/* SPDX-License-Identifier: MIT */
/* The input is a security descriptor string, one byte a character; and, raw, a descriptor as the registry may hold it. */
#include <stdint.h>
#include <stdlib.h>

#include "../../driver/sddl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t *string;
    uint8_t *bytes;
    size_t length;

    (void)SddlDescriptorIsValid(data, size);
    if (size < 1 || size > SDDL_CHARS_MAX + 1)
        return 0;
    length = (size_t)data[0] * 16; /* room for the descriptor */
    string = malloc(size * sizeof(*string));
    bytes = malloc(length + 1);
    if (string != NULL && bytes != NULL) {
        for (size_t i = 1; i < size; i++)
            string[i - 1] = data[i];
        if (SddlCompile(string, size - 1, bytes, &length) == SDDL_OK && !SddlDescriptorIsValid(bytes, length))
            abort();
    }
    free(bytes);
    free(string);
    return 0;
}
