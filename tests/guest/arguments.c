/* The line that was handed over at the start arrives: this guest is started with "opt/bareflow/args" = "one two". */
#include "check.h"

int app_main(void) {
    CHECK(strcmp(app_arguments(), "one two") == 0);

    char text[4];
    CHECK(fw_cfg_read("opt/bareflow/args", text, sizeof text) == 3 && strcmp(text, "one") == 0);
    CHECK(fw_cfg_read("opt/bareflow/arg", text, sizeof text) == 0 && text[0] == '\0');
    return 0;
}
