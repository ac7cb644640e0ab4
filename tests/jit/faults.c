/*
 * faults.c: an app with a module that goes wrong in every way: each is told, the next call works again, and files that
 * are no module are refused.
 */
#include "check.h"
#include "cpu/paging.h"
#include "jit/compiler_module.h"
#include "jit/elf32.h"
#include "jit/program.h"
#include "layout.h"

static const char *const MODULE = "JIT/COMPILER.ELF";

typedef struct {
    const char *request;
    compiler_result_t result;
    const char *words; /* that the message holds */
} expectation_t;

static const expectation_t expectations[] = {
    {"answer", COMPILER_OK, ""},
    {"crash", COMPILER_FAILED, "exception 6"},
    {"jump", COMPILER_FAILED, "exception 14"},
    {"loop", COMPILER_FAILED, "it did not end within 300 ms"},
    {"program is written", COMPILER_FAILED, "exception 14"},
    {"run data", COMPILER_FAILED, "exception 14"},
    {"stack has no end", COMPILER_FAILED, "exception 8"},
    {"tell", COMPILER_FAILED, "its last words"},
    {"exit", COMPILER_FAILED, "it ended"},
    {"wild address", COMPILER_FAILED, "exception 14"},
    {"object elsewhere", COMPILER_FAILED, "its answer lies nowhere"},
    {"bitcode elsewhere", COMPILER_FAILED, "its answer lies nowhere"},
    {"memory", COMPILER_REFUSED, "no more memory"},
    {"unknown call", COMPILER_OK, ""},
    {"vectors", COMPILER_OK, ""},
    {"zzz", COMPILER_REFUSED, "what is that?"},
};

static int ask(const expectation_t *expected) {
    compiled_t compiled = {0};
    size_t used = heap_statistics().used;
    compiler_result_t result = compiler_run(expected->request, "", 0, &compiled);
    terminal_printf("%s: %s: %s\n", expected->request, compiler_result_text(result), compiler_message());
    CHECK(result == expected->result);
    CHECK(strstr(compiler_message(), expected->words) != NULL);
    if (result == COMPILER_OK) {
        CHECK(compiled.object_size == 3 && compiled.object[0] == 1 && compiled.object[2] == 3);
        CHECK(compiled.optimized_size == 2 && compiled.optimized[1] == 2);
        free(compiled.object);
        free(compiled.optimized);
    }
    CHECK(heap_statistics().used == used);
    return 0;
}

static uint8_t file[65536];
static uint32_t file_size;

static int refuse(fs_volume_t *volume, uint32_t size, program_result_t wanted) {
    program_t program;
    CHECK(fs_replace(volume, "JIT/BAD.ELF", file, size) == FS_OK);
    program_result_t result = program_load(volume, "JIT/BAD.ELF", &program);
    if (result != wanted)
        terminal_printf("a file of %u bytes: %d\n", size, result);
    CHECK(result == wanted);
    return 0;
}

/* Writes a value over the file, lets it be refused, and puts the old one back. */
static int refuse_with(fs_volume_t *volume, uint32_t offset, uint32_t value) {
    uint32_t old;
    memcpy(&old, file + offset, sizeof old);
    memcpy(file + offset, &value, sizeof value);
    CHECK(refuse(volume, file_size, PROGRAM_MALFORMED) == 0);
    memcpy(file + offset, &old, sizeof old);
    return 0;
}

static int refuse_damaged(fs_volume_t *volume) {
    const elf_header_t *header = (const elf_header_t *)file;
    CHECK(refuse(volume, 0, PROGRAM_MALFORMED) == 0);
    CHECK(refuse(volume, 51, PROGRAM_MALFORMED) == 0);
    CHECK(refuse(volume, file_size / 2, PROGRAM_MALFORMED) == 0);
    CHECK(refuse_with(volume, 0, 0) == 0);                                           /* no ELF */
    CHECK(refuse_with(volume, offsetof(elf_header_t, type), 3 << 16 | 1) == 0);      /* an object */
    CHECK(refuse_with(volume, offsetof(elf_header_t, entry), BF_WINDOW_START) == 0); /* no code there */
    CHECK(refuse_with(volume, offsetof(elf_header_t, segments), 0xFFFFFFF0) == 0);   /* behind the file */
    CHECK(refuse_with(volume, offsetof(elf_header_t, segment_count), 0x00280000 | 99) == 0);
    for (uint32_t i = 0; i < header->segment_count; i++) {
        uint32_t at = header->segments + i * (uint32_t)sizeof(elf_segment_t);
        const elf_segment_t *segment = (const elf_segment_t *)(file + at);
        if (segment->type != ELF_LOAD)
            continue;
        CHECK(refuse_with(volume, at + offsetof(elf_segment_t, offset), 0x7FFFFFFF) == 0);
        CHECK(refuse_with(volume, at + offsetof(elf_segment_t, address), 0x00100000) == 0); /* the kernel's memory */
        CHECK(refuse_with(volume, at + offsetof(elf_segment_t, file_size), 0xFFFFFFFF) == 0);
        CHECK(refuse_with(volume, at + offsetof(elf_segment_t, memory_size), 0x10000000) == 0);
    }
    return 0;
}

int app_main(void) {
    fs_volume_t *volume;
    fs_file_t module;
    CHECK(fs_mount_disk(&volume) == FS_OK && fs_open(volume, MODULE, &module) == FS_OK);
    CHECK(module.size <= sizeof file && fs_read(&module, 0, file, module.size, &file_size) == FS_OK);
    program_t program;
    CHECK(paging_init() && program_load(volume, "JIT/NOTHING.ELF", &program) == PROGRAM_UNREADABLE);
    CHECK(refuse_damaged(volume) == 0);
    compiler_limit(8 << 20, 300);
    CHECK(compiler_load(volume, MODULE) == COMPILER_OK && compiler_load(volume, MODULE) == COMPILER_OK);
    for (unsigned i = 0; i < sizeof expectations / sizeof *expectations; i++)
        CHECK(ask(&expectations[i]) == 0 && ask(&expectations[0]) == 0);
    CHECK(compiler_statistics().refused_calls == 1);
    return 0;
}
