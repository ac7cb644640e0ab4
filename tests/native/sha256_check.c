/* sha256_check.c: prints the SHA-256 of standard input, given to the hash in pieces of so many bytes. */
#include "jit/sha256.h"

#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    static unsigned char data[1 << 16];
    size_t piece = count == 2 ? strtoul(arguments[1], NULL, 10) : 0;
    if (piece == 0 || piece > sizeof data)
        return 2;
    sha256_t hash;
    sha256_begin(&hash);
    for (size_t size; (size = fread(data, 1, piece, stdin)) > 0;)
        sha256_add(&hash, data, size);
    uint8_t digest[SHA256_SIZE];
    char text[SHA256_TEXT_SIZE];
    sha256_end(&hash, digest);
    sha256_text(digest, text);
    puts(text);
    return 0;
}
