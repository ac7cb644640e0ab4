/* request_parser.h: the text of a request, taken apart; FORMAT.md says what it looks like. */
#ifndef BF_REQUEST_PARSER_H
#define BF_REQUEST_PARSER_H

#include <llvm/ADT/StringRef.h>

#include <string>

struct Request {
    std::string function;
    std::string features; /* as LLVM takes them: "" for a plain i686 */
    unsigned recursion;
};

/* Returns what is wrong with the text, or "". A request is spelled in one way only, since its digest is its name. */
std::string parse_request(llvm::StringRef text, Request &request);

#endif
