/* fw_cfg.h: the files that QEMU's firmware configuration device carries; how the guest hears from whoever started it.
 */
#ifndef BF_FW_CFG_H
#define BF_FW_CFG_H

#include <stddef.h>

/*
 * Copies the file's text into `buffer` and ends it with 0; a longer file is cut to `capacity` - 1 bytes. Returns the
 * number of bytes copied: 0 and "" when there is no such file, or no such device (a real PC, another emulator).
 */
size_t fw_cfg_read(const char *name, char *buffer, size_t capacity);

#endif
