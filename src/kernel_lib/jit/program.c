/* program.c: see program.h. */
#include "jit/program.h"
#include "cpu/paging.h"
#include "jit/elf32.h"
#include "layout.h"
#include "memory/memory.h"

enum { SEGMENTS_MAX = 16, IMAGE_MAX = 64 << 20 };

typedef struct {
    fs_file_t file;
    elf_header_t header;
    elf_segment_t segments[SEGMENTS_MAX];
} reader_t;

static bool read_part(reader_t *reader, uint32_t offset, void *buffer, uint32_t size) {
    uint32_t done;
    return fs_read(&reader->file, offset, buffer, size, &done) == FS_OK && done == size;
}

static bool is_static_program(const elf_header_t *header) {
    static const uint8_t start[] = {0x7F, 'E', 'L', 'F', 1, 1, ELF_VERSION};
    return memcmp(header, start, sizeof start) == 0 && header->type == ELF_PROGRAM &&
           header->machine == ELF_MACHINE_386 && header->segment_size == sizeof(elf_segment_t) &&
           header->segment_count > 0 && header->segment_count <= SEGMENTS_MAX;
}

/* In the window, from a part of the file that is there, behind what came before. */
static bool is_in_place(const reader_t *reader, const elf_segment_t *segment, uint32_t before) {
    uint32_t at = segment->address - BF_WINDOW_START;
    return segment->address >= before && at < IMAGE_MAX && segment->memory_size <= IMAGE_MAX - at &&
           segment->file_size <= segment->memory_size && segment->offset <= reader->file.size &&
           segment->file_size <= reader->file.size - segment->offset;
}

static bool describe(const reader_t *reader, program_t *program) {
    const elf_header_t *header = &reader->header;
    uint32_t end = BF_WINDOW_START;
    bool has_entry = false, has_headers = false;
    uint32_t headers_end = header->segments + header->segment_count * sizeof(elf_segment_t);
    for (uint32_t i = 0; i < header->segment_count; i++) {
        const elf_segment_t *segment = &reader->segments[i];
        if (segment->type != ELF_LOAD)
            continue;
        if (!is_in_place(reader, segment, end))
            return false;
        end = segment->address + segment->memory_size;
        has_entry |= segment->flags & ELF_EXECUTABLE && header->entry >= segment->address && header->entry < end;
        if (segment->offset == 0 && headers_end <= segment->file_size) {
            has_headers = true;
            program->headers = segment->address + header->segments;
        }
        if (segment->flags & ELF_WRITABLE) {
            program->writable_start = program->writable_start ? program->writable_start : segment->address;
            program->writable_end = end;
        }
    }
    program->entry = header->entry;
    program->header_size = header->segment_size;
    program->header_count = header->segment_count;
    program->end = (end + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    return has_entry && has_headers && program->writable_start != 0;
}

/* One piece of memory for the whole image: the disk writes to it by physical addresses. */
static uint8_t *image_memory(uint32_t size) {
    uint8_t *memory = malloc(size + PAGE_SIZE);
    return memory == NULL ? NULL : memory + (PAGE_SIZE - (uintptr_t)memory % PAGE_SIZE);
}

static unsigned access_of(const elf_segment_t *segment) {
    return (segment->flags & ELF_WRITABLE ? PAGE_WRITE : 0U) | (segment->flags & ELF_EXECUTABLE ? PAGE_EXECUTE : 0U);
}

static program_result_t fill(reader_t *reader, const program_t *program) {
    uint32_t size = program->end - BF_WINDOW_START, filled = 0;
    uint8_t *image = image_memory(size);
    if (image == NULL)
        return PROGRAM_NO_MEMORY;
    for (uint32_t i = 0; i < reader->header.segment_count; i++) {
        const elf_segment_t *segment = &reader->segments[i];
        if (segment->type != ELF_LOAD)
            continue;
        uint32_t at = segment->address - BF_WINDOW_START;
        memset(image + filled, 0, at - filled);
        if (!read_part(reader, segment->offset, image + at, segment->file_size))
            return PROGRAM_UNREADABLE;
        filled = at + segment->file_size;
        uint32_t page = at / PAGE_SIZE * PAGE_SIZE;
        uint32_t pages = (at + segment->memory_size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE - page;
        if (!paging_map(BF_WINDOW_START + page, (uintptr_t)image + page, pages, access_of(segment)))
            return PROGRAM_NO_MEMORY;
    }
    memset(image + filled, 0, size - filled);
    return PROGRAM_OK;
}

program_result_t program_load(fs_volume_t *volume, const char *path, program_t *program) {
    reader_t reader;
    *program = (program_t){0};
    if (fs_open(volume, path, &reader.file) != FS_OK)
        return PROGRAM_UNREADABLE;
    if (!read_part(&reader, 0, &reader.header, sizeof reader.header) || !is_static_program(&reader.header) ||
        !read_part(&reader, reader.header.segments, reader.segments,
                   reader.header.segment_count * sizeof(elf_segment_t)) ||
        !describe(&reader, program))
        return PROGRAM_MALFORMED;
    return fill(&reader, program);
}

enum { TOLD_HEADERS = 3, TOLD_HEADER_SIZE, TOLD_HEADER_COUNT, TOLD_PAGE_SIZE, TOLD_ENTRY = 9, TOLD_RANDOM = 25 };
enum { RANDOM_SIZE = 16 };

uint32_t program_stack(const program_t *program, uint32_t top, const char *const *arguments, uint32_t count) {
    const uint32_t told[] = {
        TOLD_HEADERS,
        program->headers,
        TOLD_HEADER_SIZE,
        program->header_size,
        TOLD_HEADER_COUNT,
        program->header_count,
        TOLD_PAGE_SIZE,
        PAGE_SIZE,
        TOLD_ENTRY,
        program->entry,
        TOLD_RANDOM,
        top - RANDOM_SIZE,
        0,
        0,
    };
    char *text = (char *)(uintptr_t)(top - RANDOM_SIZE);
    memset(text, 0x5A, RANDOM_SIZE);
    size_t text_size = 0;
    for (uint32_t i = 0; i < count; i++)
        text_size += strlen(arguments[i]) + 1;
    text -= text_size;
    uint32_t *words = (uint32_t *)(((uintptr_t)text - (count + 3) * sizeof(uint32_t) - sizeof told) & ~15U);
    uint32_t *next = words;
    *next++ = count;
    for (uint32_t i = 0; i < count; i++) {
        *next++ = (uint32_t)(uintptr_t)text;
        strcpy(text, arguments[i]);
        text += strlen(arguments[i]) + 1;
    }
    *next++ = 0; /* the end of the arguments */
    *next++ = 0; /* no environment */
    memcpy(next, told, sizeof told);
    return (uint32_t)(uintptr_t)words;
}
