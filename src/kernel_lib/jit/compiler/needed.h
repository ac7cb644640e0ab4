/*
 * needed.h: reading a source's bitcode: of its functions only those that the wanted one needs. To read and tidy all the
 * others takes longer than to optimize a small one.
 */
#ifndef BF_NEEDED_H
#define BF_NEEDED_H

#include <llvm/IR/Module.h>
#include <llvm/Support/Error.h>
#include <llvm/Support/MemoryBufferRef.h>

#include <memory>

/* Returns the module, in which what is not needed is declared only; all of that where `name` is not defined. */
llvm::Expected<std::unique_ptr<llvm::Module>> read_needed(llvm::MemoryBufferRef bitcode, llvm::StringRef name,
                                                          llvm::LLVMContext &context);

#endif
