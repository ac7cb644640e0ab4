/* check.h: how a test guest says that something does not hold. */
#ifndef BF_CHECK_H
#define BF_CHECK_H

#include "runtime.h"

/* In app_main or a function that returns its status: shows the place and returns 1. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            terminal_printf("%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                             \
            return 1;                                                                                                  \
        }                                                                                                              \
    } while (0)

#endif
