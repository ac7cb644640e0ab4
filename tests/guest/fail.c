/* A program's status other than 0 reaches whoever started the machine. */
#include "check.h"

int app_main(void) {
    return 7;
}
