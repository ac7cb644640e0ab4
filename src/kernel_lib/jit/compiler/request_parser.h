/* request_parser.h: the text of a request, taken apart; FORMAT.md says what it looks like. */
#ifndef BF_REQUEST_PARSER_H
#define BF_REQUEST_PARSER_H

#include <llvm/ADT/StringRef.h>

#include <cstdint>
#include <string>
#include <vector>

/* A word of the arguments, and what it is most often. */
struct Constant {
    unsigned word;
    uint32_t value;
};

struct Request {
    std::string function;
    std::string features; /* as LLVM takes them: "" for a plain i686 */
    unsigned recursion;
    bool counts_branches;
    std::vector<Constant> constants; /* by rising words */
    std::vector<uint8_t> branches;   /* two for each, from 0 to 15: outcomes by their logarithms; empty: not known */
};

/* Returns what is wrong with the text, or "". A request is spelled in one way only, since its digest is its name. */
std::string parse_request(llvm::StringRef text, Request &request);

#endif
