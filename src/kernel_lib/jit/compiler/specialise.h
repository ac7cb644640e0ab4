/* specialise.h: a function for the arguments that it mostly has. */
#ifndef BF_SPECIALISE_H
#define BF_SPECIALISE_H

#include "request_parser.h"

#include <llvm/IR/Function.h>

/*
 * Makes a second function of `function`, in which the words have the values, and lets calls that bring these values go
 * there. All others compute what they did. Returns why that cannot be, or "".
 */
std::string specialise(llvm::Function &function, const std::vector<Constant> &constants);

#endif
