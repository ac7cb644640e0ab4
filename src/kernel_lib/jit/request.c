/* request.c: see request.h. */
#include "jit/request.h"
#include "cpu/features.h"
#include "io/format.h"
#include "memory/memory.h"

enum { FEATURES_SIZE = 256 };

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

size_t request_text(const jit_function_t *function, char text[REQUEST_SIZE]) {
    char features[FEATURES_SIZE];
    list_features(features);
    int length = snprintf(
        text, REQUEST_SIZE, "bareflow-request 2\ncompiler %s\nbitcode %s\nfunction %s\nfeatures %s\nrecursion %u\n",
        function->source->compiler, function->source->digest, function->name, features, REQUEST_RECURSION);
    return length > 0 && length < REQUEST_SIZE ? (size_t)length : 0;
}
