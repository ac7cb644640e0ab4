/*
 * branches.h: how conditional branches turn out: counted by code that is made for that, and told to the optimizer.
 *
 * They are numbered in the order in which functions, blocks and branches stand in the module. That MUST be the
 * bitcode's own order: neither function may be called after a pass that moves anything.
 */
#ifndef BF_BRANCHES_H
#define BF_BRANCHES_H

#include <llvm/IR/Module.h>

#include <cstdint>
#include <string>
#include <vector>

uint32_t number_of_branches(llvm::Module &module);

/* Lets each branch count how it turns out, in memory that the kernel has under COMPILER_COUNTERS (compiler.h). */
void count_branches(llvm::Module &module);

/* Says how often each branch was taken, and not: two logarithms each. Returns why that cannot be, or "". */
std::string weigh_branches(llvm::Module &module, const std::vector<uint8_t> &outcomes);

#endif
