/*
 * floats.h: floating point of a source that was built without a floating-point unit (-mno-80387).
 *
 * There results are handed over as integers of the same bits, and library functions compute. Code for a processor with
 * SSE2 computes itself: it rounds as they do, so every bit is the same. But it hands results over as the build's code
 * does, since either may call the other. For other processors the library goes on computing: x87 would round otherwise.
 */
#ifndef BF_FLOATS_H
#define BF_FLOATS_H

#include <llvm/IR/Module.h>

#include <string>

enum class Floats {
    SOFT,     /* of a source without a unit, for a processor without SSE2 */
    COMPUTED, /* of the same, for a processor with it */
    HARD,     /* of a source that uses SSE2 itself */
    OTHER,    /* of x87: what is computed depends on how code is compiled */
};

Floats floats_of(const llvm::Module &module, llvm::StringRef features);

/* For COMPUTED: lets all functions return bits, and all calls expect them. Before anything else is done to the module.
 */
void hand_over_bits(llvm::Module &module);

/* After the optimizer: "" or why the bits might not be those of the build's code. */
std::string doubtful_floats(const llvm::Module &module, Floats floats);

#endif
