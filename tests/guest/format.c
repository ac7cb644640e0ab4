/* Formatted text is what the C standard says, also where the buffer is too small. */
#include "check.h"

#define FORMATS(expected, ...) CHECK((snprintf(text, sizeof text, __VA_ARGS__), strcmp(text, expected) == 0))

int app_main(void) {
    char text[64];
    FORMATS("-2147483648 4294967295", "%d %u", INT32_MIN, UINT32_MAX);
    FORMATS("18446744073709551615", "%llu", UINT64_MAX);
    FORMATS("-9223372036854775808", "%lld", INT64_MIN);
    FORMATS("10000000000 4294967296", "%llu %llu", UINT64_C(10000000000), UINT64_C(1) << 32);
    FORMATS("ff FF 0x00010010", "%x %X %p", 255u, 255u, (void *)0x10010);
    FORMATS("fedcba9876543210", "%llx", UINT64_C(0xFEDCBA9876543210));
    FORMATS("[   42][42   ][00042][-0042]", "[%5d][%-5d][%05d][%05d]", 42, 42, 42, -42);
    FORMATS("[  ab][ab  ][a]", "[%4s][%-4s][%.1s]", "ab", "ab", "ab");
    FORMATS("[  ab][a]", "[%*s][%.*s]", 4, "ab", 1, "ab");
    FORMATS("x% 100 200", "%c%% %zu %lu", 'x', (size_t)100, 200ul);

    CHECK(snprintf(text, 4, "%s", "abcdef") == 6);
    CHECK(strcmp(text, "abc") == 0);
    CHECK(snprintf(text, 0, "%d", 12345) == 5);
    CHECK(text[0] == 'a');
    return 0;
}
