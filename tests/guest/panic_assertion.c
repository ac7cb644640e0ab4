/* An assertion that does not hold panics under the name "assertion", in the function that asserts. */
#include "check.h"

int app_main(void) {
    assert(app_arguments() == NULL);
    return 0;
}
