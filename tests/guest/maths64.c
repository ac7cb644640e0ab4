/* 64-bit arithmetic, which a 32-bit processor does not have, gives the results of mathematics. */
#include "check.h"

/* volatile: the compiler must not do the arithmetic itself. */
static volatile uint64_t large = 0xFEDCBA9876543210;
static volatile uint64_t divisor = 0x123456789;
static volatile int64_t negative = -1000000000007;
static volatile int64_t minimum = INT64_MIN;
static volatile int64_t small = 10;
static volatile int count = 37;

int app_main(void) {
    CHECK(large / divisor == 0xE0000000 && large % divisor == 0x96543210);
    CHECK(large / 1000 == 18364758544493064 && large % 1000 == 720);
    CHECK(large / (large - 1) == 1 && large % (large - 1) == 1);
    CHECK(negative / small == -100000000000 && negative % small == -7);
    CHECK(negative / -small == 100000000000 && negative % -small == -7);
    CHECK(minimum / small == -922337203685477580 && minimum % small == -8);
    CHECK(large * divisor == 0xCCCCCCCCE1833A90);
    CHECK(large << count == 0xFEDCBA9876543210 << 37 && large >> count == 0xFEDCBA9876543210 >> 37);
    CHECK(negative >> count == -8);
    return 0;
}
