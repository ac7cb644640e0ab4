/* elf32.h: the parts of the ELF format (32 bits, i386) that programs and objects are read by. */
#ifndef BF_ELF32_H
#define BF_ELF32_H

#include <stdint.h>

enum { ELF_PROGRAM = 2, ELF_OBJECT = 1, ELF_MACHINE_386 = 3, ELF_VERSION = 1 };

typedef struct {
    uint8_t magic[4]; /* 0x7F "ELF" */
    uint8_t bits;     /* 1: 32 */
    uint8_t order;    /* 1: little-endian */
    uint8_t version;
    uint8_t padding[9];
    uint16_t type;
    uint16_t machine;
    uint32_t version_again;
    uint32_t entry;
    uint32_t segments; /* offset of the program headers */
    uint32_t sections; /* offset of the section headers */
    uint32_t flags;
    uint16_t size;
    uint16_t segment_size;
    uint16_t segment_count;
    uint16_t section_size;
    uint16_t section_count;
    uint16_t section_names;
} elf_header_t;

_Static_assert(sizeof(elf_header_t) == 52, "the layout of the format");

enum { ELF_LOAD = 1, ELF_EXECUTABLE = 1 << 0, ELF_WRITABLE = 1 << 1 };

typedef struct {
    uint32_t type;
    uint32_t offset;
    uint32_t address;
    uint32_t physical;
    uint32_t file_size;
    uint32_t memory_size;
    uint32_t flags;
    uint32_t alignment;
} elf_segment_t;

_Static_assert(sizeof(elf_segment_t) == 32, "the layout of the format");

enum { ELF_BITS = 1, ELF_SYMBOLS = 2, ELF_STRINGS = 3, ELF_NO_BITS = 8, ELF_RELOCATIONS = 9 };
enum { ELF_SECTION_WRITE = 1 << 0, ELF_SECTION_LOADED = 1 << 1, ELF_SECTION_CODE = 1 << 2 };

typedef struct {
    uint32_t name;
    uint32_t type;
    uint32_t flags;
    uint32_t address;
    uint32_t offset;
    uint32_t size;
    uint32_t link; /* of symbols: their strings; of relocations: their symbols */
    uint32_t info; /* of relocations: the section that they change */
    uint32_t alignment;
    uint32_t entry_size;
} elf_section_t;

_Static_assert(sizeof(elf_section_t) == 40, "the layout of the format");

enum { ELF_UNDEFINED = 0, ELF_ABSOLUTE = 0xFFF1, ELF_RESERVED = 0xFF00 };
enum { ELF_WEAK = 2 }; /* bits 4 to 7 of a symbol's info */

typedef struct {
    uint32_t name;
    uint32_t value;
    uint32_t size;
    uint8_t info;
    uint8_t other;
    uint16_t section;
} elf_symbol_t;

_Static_assert(sizeof(elf_symbol_t) == 16, "the layout of the format");

enum { ELF_ADD_ADDRESS = 1, ELF_ADD_DISTANCE = 2, ELF_ADD_CALL = 4 };

typedef struct {
    uint32_t offset;
    uint32_t info; /* the symbol's number, then eight bits of ELF_ADD_... */
} elf_relocation_t;

_Static_assert(sizeof(elf_relocation_t) == 8, "the layout of the format");

#endif
