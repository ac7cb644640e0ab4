/* object.c: see object.h. The bytes may be unaligned in every way, so headers are copied out before they are read. */
#include "jit/object.h"
#include "jit/elf32.h"
#include "memory/memory.h"

enum { NOT_LOADED = UINT32_MAX, ALIGNMENT_MAX = 4096 };

static bool is_inside(const object_t *object, uint32_t offset, uint32_t size) {
    return offset <= object->size && size <= object->size - offset;
}

static void header_of(const object_t *object, elf_header_t *header) {
    memcpy(header, object->bytes, sizeof *header);
}

/* `index` is less than section_count. */
static elf_section_t section_at(const object_t *object, uint32_t index) {
    elf_header_t header;
    elf_section_t section;
    header_of(object, &header);
    memcpy(&section, object->bytes + header.sections + index * sizeof section, sizeof section);
    return section;
}

static bool is_object(const object_t *object) {
    static const uint8_t start[] = {0x7F, 'E', 'L', 'F', 1, 1, ELF_VERSION};
    elf_header_t header;
    if (object->size < sizeof header || memcmp(object->bytes, start, sizeof start) != 0)
        return false;
    header_of(object, &header);
    return header.type == ELF_OBJECT && header.machine == ELF_MACHINE_386 &&
           header.section_size == sizeof(elf_section_t) && header.section_count <= OBJECT_SECTIONS &&
           is_inside(object, header.sections, header.section_count * (uint32_t)sizeof(elf_section_t));
}

/* Plans the place of one section. */
static bool place(object_t *object, uint32_t index, const elf_section_t *section) {
    uint32_t alignment = section->alignment == 0 ? 1 : section->alignment;
    if (alignment > ALIGNMENT_MAX || (alignment & (alignment - 1)) != 0)
        return false;
    uint32_t at = (object->code_size + alignment - 1) / alignment * alignment;
    if (section->size > OBJECT_CODE_MAX || at > OBJECT_CODE_MAX - section->size)
        return false;
    object->places[index] = at;
    object->code_size = at + section->size;
    return true;
}

static bool may_be_loaded(const object_t *object, const elf_section_t *section) {
    bool is_variable = (section->flags & ELF_SECTION_WRITE) != 0 || section->type == ELF_NO_BITS;
    return !is_variable && section->type == ELF_BITS && is_inside(object, section->offset, section->size);
}

/* The text at `offset` of a section of strings; NULL where it is none, has no end or is too long. */
static const char *string_at(const object_t *object, uint32_t index, uint32_t offset) {
    if (index >= object->section_count)
        return NULL;
    elf_section_t strings = section_at(object, index);
    if (strings.type != ELF_STRINGS || !is_inside(object, strings.offset, strings.size) || offset >= strings.size)
        return NULL;
    const char *text = (const char *)object->bytes + strings.offset + offset;
    uint32_t room = strings.size - offset < OBJECT_NAME_MAX ? strings.size - offset : OBJECT_NAME_MAX;
    return memchr(text, '\0', room) != NULL ? text : NULL;
}

static bool is_named(const object_t *object, const elf_section_t *section, const char *name) {
    elf_header_t header;
    header_of(object, &header);
    const char *own = string_at(object, header.section_names, section->name);
    return own != NULL && strcmp(own, name) == 0;
}

object_result_t object_open(object_t *object, const uint8_t *bytes, uint32_t size) {
    *object = (object_t){.bytes = bytes, .size = size};
    if (!is_object(object))
        return OBJECT_MALFORMED;
    elf_header_t header;
    header_of(object, &header);
    object->section_count = header.section_count;
    for (uint32_t i = 0; i < object->section_count; i++)
        object->places[i] = NOT_LOADED;
    for (uint32_t wanted = ELF_SECTION_CODE + 1; wanted-- > 0;) { /* code, then the rest */
        for (uint32_t i = 0; i < object->section_count; i++) {
            elf_section_t section = section_at(object, i);
            bool is_loaded = (section.flags & ELF_SECTION_LOADED) != 0 && section.size > 0;
            if (!is_loaded || (section.flags & ELF_SECTION_CODE) != wanted)
                continue;
            if (!may_be_loaded(object, &section) || !place(object, i, &section))
                return OBJECT_MALFORMED;
            object->is_kept |= is_named(object, &section, OBJECT_KEPT_SECTION);
        }
    }
    return OBJECT_OK;
}

typedef struct {
    object_t *object;
    elf_section_t table; /* of symbols */
    uint32_t address;
    const object_resolver_t *resolver;
} linking_t;

static bool symbol_at(const linking_t *linking, uint32_t index, elf_symbol_t *symbol) {
    if (index >= linking->table.size / sizeof *symbol)
        return false;
    memcpy(symbol, linking->object->bytes + linking->table.offset + index * sizeof *symbol, sizeof *symbol);
    return true;
}

/* Where a symbol that a loaded section has will lie. */
static bool defined_at(const linking_t *linking, const elf_symbol_t *symbol, uint32_t *value) {
    const object_t *object = linking->object;
    if (symbol->section >= object->section_count || object->places[symbol->section] == NOT_LOADED ||
        symbol->value > section_at(object, symbol->section).size)
        return false;
    *value = linking->address + object->places[symbol->section] + symbol->value;
    return true;
}

static object_result_t value_of(linking_t *linking, uint32_t index, uint32_t *value) {
    elf_symbol_t symbol;
    if (!symbol_at(linking, index, &symbol))
        return OBJECT_MALFORMED;
    if (symbol.section != ELF_UNDEFINED)
        return defined_at(linking, &symbol, value) ? OBJECT_OK : OBJECT_MALFORMED;
    const char *name = string_at(linking->object, linking->table.link, symbol.name);
    if (name == NULL)
        return OBJECT_MALFORMED;
    *value = linking->resolver->find(linking->resolver->where, name);
    if (*value != 0 || symbol.info >> 4 == ELF_WEAK)
        return OBJECT_OK;
    linking->object->missing = name;
    return OBJECT_UNKNOWN;
}

static object_result_t relocate(linking_t *linking, uint8_t *memory, const elf_section_t *target, uint32_t place,
                                const elf_relocation_t *relocation) {
    uint32_t value, word, kind = relocation->info & 0xFF;
    if (target->size < sizeof word || relocation->offset > target->size - sizeof word)
        return OBJECT_MALFORMED;
    object_result_t result = value_of(linking, relocation->info >> 8, &value);
    if (result != OBJECT_OK)
        return result;
    uint8_t *at = memory + place + relocation->offset;
    memcpy(&word, at, sizeof word);
    if (kind == ELF_ADD_ADDRESS)
        word += value;
    else if (kind == ELF_ADD_DISTANCE || kind == ELF_ADD_CALL)
        word += value - (linking->address + place + relocation->offset);
    else
        return OBJECT_MALFORMED;
    memcpy(at, &word, sizeof word);
    return OBJECT_OK;
}

static object_result_t relocate_section(linking_t *linking, uint8_t *memory, const elf_section_t *section) {
    object_t *object = linking->object;
    if (section->info >= object->section_count || !is_inside(object, section->offset, section->size))
        return OBJECT_MALFORMED;
    uint32_t place = object->places[section->info];
    if (place == NOT_LOADED)
        return OBJECT_OK; /* of something that is not needed here */
    elf_section_t target = section_at(object, section->info);
    for (uint32_t at = 0; section->size - at >= sizeof(elf_relocation_t); at += sizeof(elf_relocation_t)) {
        elf_relocation_t relocation;
        memcpy(&relocation, object->bytes + section->offset + at, sizeof relocation);
        object_result_t result = relocate(linking, memory, &target, place, &relocation);
        if (result != OBJECT_OK)
            return result;
    }
    return OBJECT_OK;
}

static bool find_symbols(linking_t *linking) {
    const object_t *object = linking->object;
    for (uint32_t i = 0; i < object->section_count; i++) {
        linking->table = section_at(object, i);
        if (linking->table.type == ELF_SYMBOLS)
            return is_inside(object, linking->table.offset, linking->table.size);
    }
    return false;
}

static bool find_function(const linking_t *linking, const char *function, uint32_t *entry) {
    elf_symbol_t symbol;
    for (uint32_t i = 0; symbol_at(linking, i, &symbol); i++) {
        const char *name = string_at(linking->object, linking->table.link, symbol.name);
        if (name == NULL || strcmp(name, function) != 0 || !defined_at(linking, &symbol, entry))
            continue;
        return (section_at(linking->object, symbol.section).flags & ELF_SECTION_CODE) != 0;
    }
    return false;
}

object_result_t object_link(object_t *object, uint8_t *memory, uint32_t address, const char *function,
                            const object_resolver_t *resolver, uint32_t *entry) {
    linking_t linking = {.object = object, .address = address, .resolver = resolver};
    if (!find_symbols(&linking) || !find_function(&linking, function, entry))
        return OBJECT_MALFORMED;
    memset(memory, 0xCC, object->code_size); /* int3: between sections nothing is run */
    for (uint32_t i = 0; i < object->section_count; i++)
        if (object->places[i] != NOT_LOADED) {
            elf_section_t section = section_at(object, i);
            memcpy(memory + object->places[i], object->bytes + section.offset, section.size);
        }
    for (uint32_t i = 0; i < object->section_count; i++) {
        elf_section_t section = section_at(object, i);
        object_result_t result = section.type == ELF_RELOCATIONS ? relocate_section(&linking, memory, &section) : 0;
        if (result != OBJECT_OK)
            return result;
    }
    return OBJECT_OK;
}
