/*
 * ffi.cpp: as much of libffi as LLVM's interpreter asks for: calls of functions whose arguments and results are
 * integers or pointers, as i386 hands them over.
 */
#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" {

struct ffi_type {
    size_t size;
    uint16_t alignment, type;
    ffi_type **elements;
};

struct ffi_cif {
    unsigned abi, count;
    ffi_type **types;
    ffi_type *result;
    unsigned bytes, flags;
};

ffi_type ffi_type_void = {0, 0, 0, nullptr}, ffi_type_float = {4, 4, 2, nullptr}, ffi_type_double = {8, 4, 3, nullptr};
ffi_type ffi_type_sint8 = {1, 1, 6, nullptr}, ffi_type_sint16 = {2, 2, 8, nullptr};
ffi_type ffi_type_sint32 = {4, 4, 10, nullptr}, ffi_type_sint64 = {8, 4, 12, nullptr};
ffi_type ffi_type_pointer = {4, 4, 14, nullptr};

int ffi_prep_cif(ffi_cif *cif, unsigned abi, unsigned count, ffi_type *result, ffi_type **types) {
    *cif = {abi, count, types, result, 0, 0};
    return 0;
}

/* Pushes `count` words, the last one first, and calls. */
uint64_t call_with_words(void (*function)(), const uint32_t *words, uint32_t count);
__asm__(".text\n"
        "call_with_words:\n"
        "push %ebp\n mov %esp, %ebp\n push %esi\n"
        "mov 12(%ebp), %esi\n mov 16(%ebp), %ecx\n"
        "1: jecxz 2f\n dec %ecx\n push (%esi,%ecx,4)\n jmp 1b\n"
        "2: call *8(%ebp)\n"
        "lea -4(%ebp), %esp\n pop %esi\n pop %ebp\n ret\n");

void ffi_call(ffi_cif *cif, void (*function)(), void *result, void **values) {
    uint32_t words[64], count = 0;
    for (unsigned i = 0; i < cif->count && count + 2 <= 64; i++) {
        words[count] = words[count + 1] = 0;
        memcpy(&words[count], values[i], cif->types[i]->size);
        count += cif->types[i]->size > 4 ? 2 : 1;
    }
    uint64_t answer = call_with_words(function, words, count);
    memcpy(result, &answer, cif->result->size);
}
}
