/* request_parser.cpp: see request_parser.h. */
#include "request_parser.h"

#include <llvm/ADT/StringExtras.h>

using namespace llvm;

namespace {

const char *const VERSION = "2";
const size_t DIGEST_DIGITS = 64;
const unsigned RECURSION_MAX = 64;

/* The lines that are not read yet. */
class Lines {
  public:
    explicit Lines(StringRef text) : rest(text) {}

    bool are_read() const {
        return rest.empty();
    }

    /* Takes the value of the next line, if it starts with `word`. */
    bool take(StringRef word, StringRef &value) {
        auto [line, others] = rest.split('\n');
        if (line.size() == rest.size() || !line.consume_front(word) || !line.consume_front(" ") || line.empty())
            return false;
        value = line;
        rest = others;
        return true;
    }

  private:
    StringRef rest;
};

bool is_digest(StringRef text) {
    return text.size() == DIGEST_DIGITS && text.find_first_not_of("0123456789abcdef") == StringRef::npos;
}

/* In decimal digits, without zeros before them. */
bool to_number(StringRef text, unsigned &number) {
    return !text.getAsInteger(10, number) && Twine(number).str() == text;
}

/* "W V" */
bool to_constant(StringRef text, std::vector<Constant> &constants) {
    Constant constant;
    auto [word, value] = text.split(' ');
    if (!to_number(word, constant.word) || !to_number(value, constant.value) ||
        (!constants.empty() && constant.word <= constants.back().word))
        return false;
    constants.push_back(constant);
    return true;
}

bool to_digits(StringRef text, std::vector<uint8_t> &digits) {
    for (char letter : text) {
        if (letter >= 'a' || !isHexDigit(letter))
            return false;
        digits.push_back(static_cast<uint8_t>(hexDigitValue(letter)));
    }
    return digits.size() % 2 == 0;
}

/* What makes a request more than the general one. */
std::string parse_options(Lines &lines, Request &request) {
    StringRef value;
    if (lines.take("count", value)) {
        request.counts_branches = true;
        return value == "branches" && lines.are_read() ? "" : "the request counts something else than branches alone";
    }
    while (lines.take("constant", value))
        if (!to_constant(value, request.constants))
            return "the request has a constant that is none";
    if (lines.take("branches", value) && !to_digits(value, request.branches))
        return "the request has outcomes of branches that are none";
    return lines.are_read() ? "" : "the request has lines that are not known";
}

} // namespace

std::string parse_request(StringRef text, Request &request) {
    Lines lines(text);
    StringRef version, compiler, bitcode, function, features, recursion;
    if (!lines.take("bareflow-request", version) || version != VERSION)
        return "the request is not of version 2";
    if (!lines.take("compiler", compiler) || !is_digest(compiler) || !lines.take("bitcode", bitcode) ||
        !is_digest(bitcode))
        return "the request has no digests of its compiler and bitcode";
    if (!lines.take("function", function) || !lines.take("features", features))
        return "the request names no function or no features";
    if (!lines.take("recursion", recursion) || !to_number(recursion, request.recursion) ||
        request.recursion > RECURSION_MAX)
        return "the request names no levels of recursion";
    request.function = function.str();
    request.features = features == "none" ? "" : features.str();
    return parse_options(lines, request);
}
