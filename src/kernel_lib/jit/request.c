/* request.c: see request.h. */
#include "jit/request.h"
#include "cpu/features.h"
#include "io/format.h"
#include "memory/memory.h"

void request_features(char features[REQUEST_FEATURES_SIZE]) {
    size_t used = 0;
    features[0] = '\0';
    for (unsigned i = 0; i < CPU_FEATURE_COUNT; i++)
        if (cpu_has(i) && i != CPU_TSC) /* LLVM has no name for it */
            used += (size_t)snprintf(features + used, REQUEST_FEATURES_SIZE - used, "%s+%s", used == 0 ? "" : ",",
                                     cpu_feature_name(i));
}

size_t request_text(const jit_function_t *function, char text[REQUEST_SIZE]) {
    char features[REQUEST_FEATURES_SIZE];
    request_features(features);
    int length = snprintf(text, REQUEST_SIZE,
                          "bareflow-request 1\ncompiler %s\nbitcode %s\nfunction %s\nfeatures %s\nrecursion %u\n",
                          function->source->compiler, function->source->digest, function->name,
                          features[0] == '\0' ? "none" : features, REQUEST_RECURSION);
    return length > 0 && length < REQUEST_SIZE ? (size_t)length : 0;
}

void request_key(const char *text, char key[SHA256_TEXT_SIZE]) {
    uint8_t digest[SHA256_SIZE];
    sha256(text, strlen(text), digest);
    sha256_text(digest, key);
}
