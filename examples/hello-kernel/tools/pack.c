/*
 * pack.c: turns a picture that is drawn in a text file into a bitmap in C. It runs where the kernel is built.
 *
 *     pack PICTURE HEADER
 *
 * A line is a row, a '#' a dot that is set. Eight dots are one byte, the leftmost its highest bit.
 */
#include <stdio.h>
#include <string.h>

enum { WIDTH = 80, HEIGHT = 25 }; /* the screen's */

static unsigned char dots[HEIGHT][WIDTH / 8];
static unsigned width, height;

static int complain(const char *file, const char *what) {
    fprintf(stderr, "%s:%u: %s\n", file, height + 1, what);
    return 1;
}

static int read_picture(const char *name) {
    FILE *file = fopen(name, "r");
    char line[WIDTH + 2]; /* a row, its end, and C's */
    if (file == NULL) {
        return complain(name, "cannot be opened");
    }
    for (; fgets(line, sizeof line, file) != NULL; height++) {
        size_t length = strcspn(line, "\n");
        if (height == HEIGHT) {
            return complain(name, "the screen has no more rows");
        }
        if (length > WIDTH) {
            return complain(name, "this row is wider than the screen");
        }
        for (unsigned x = 0; x < length; x++) {
            dots[height][x / 8] |= line[x] == '#' ? 0x80 >> x % 8 : 0;
        }
        width = length > width ? (unsigned)length : width;
    }
    return fclose(file);
}

static int write_header(const char *name) {
    FILE *file = fopen(name, "w");
    if (file == NULL) {
        return complain(name, "cannot be written");
    }
    fprintf(file, "#define BANNER_WIDTH %u\n#define BANNER_HEIGHT %u\n\n", width, height);
    fprintf(file, "static const unsigned char banner[%u][%u] = {\n", height, WIDTH / 8);
    for (unsigned y = 0; y < height; y++) {
        for (unsigned byte = 0; byte < WIDTH / 8; byte++) {
            fprintf(file, "%s0x%02X", byte == 0 ? "    {" : ", ", dots[y][byte]);
        }
        fprintf(file, "},\n");
    }
    fprintf(file, "};\n");
    return fclose(file);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: pack PICTURE HEADER\n");
        return 2;
    }
    return read_picture(argv[1]) || write_header(argv[2]);
}
