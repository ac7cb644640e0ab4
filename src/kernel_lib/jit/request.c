/* request.c: see request.h. */
#include "jit/request.h"
#include "cpu/features.h"
#include "io/format.h"
#include "memory/memory.h"

#include <stdarg.h>

enum { FEATURES_SIZE = 512 };

/* What LLVM may use of this processor, as it writes it. */
static void list_features(char features[FEATURES_SIZE]) {
    size_t used = 0;
    for (unsigned i = 0; i < CPU_FEATURE_COUNT; i++)
        if (cpu_has(i) && i != CPU_TSC) /* LLVM has no name for it */
            used += (size_t)snprintf(features + used, FEATURES_SIZE - used, "%s+%s", used == 0 ? "" : ",",
                                     cpu_feature_name(i));
    if (used == 0)
        strcpy(features, "none");
}

/* Writes a line, if it fits behind what is there; 0 means that something did not fit. */
__attribute__((format(printf, 3, 4))) static size_t add(char text[REQUEST_SIZE], size_t used, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int length = used == 0 ? 0 : vsnprintf(text + used, REQUEST_SIZE - used, format, values);
    va_end(values);
    return length > 0 && (size_t)length < REQUEST_SIZE - used ? used + (size_t)length : 0;
}

size_t request_text(const jit_function_t *function, const specialisation_t *wanted, char text[REQUEST_SIZE]) {
    char features[FEATURES_SIZE];
    list_features(features);
    size_t used = (size_t)snprintf(text, REQUEST_SIZE, "bareflow-request 2\n");
    used = add(text, used, "compiler %s\nbitcode %s\n", function->source->compiler, function->source->digest);
    used = add(text, used, "function %s\nfeatures %s\n", function->name, features);
    used = add(text, used, "recursion %u\n", wanted->recursion);
    if (wanted->counts_branches)
        return add(text, used, "count branches\n");
    for (unsigned word = 0; word < JIT_WORDS; word++)
        if ((wanted->known >> word & 1) != 0)
            used = add(text, used, "constant %u %u\n", word, wanted->value[word]);
    return wanted->branches == NULL ? used : add(text, used, "branches %s\n", wanted->branches);
}

size_t request_general(const jit_function_t *function, char text[REQUEST_SIZE]) {
    return request_text(function, &(specialisation_t){.recursion = REQUEST_RECURSION}, text);
}
