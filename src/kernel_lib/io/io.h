/* io.h: everything that goes in or out, except files. The index of this room. */
#ifndef BF_IO_H
#define BF_IO_H

#include "io/block.h"
#include "io/exit.h"
#include "io/format.h"
#include "io/fw_cfg.h"
#include "io/keyboard.h"
#include "io/port.h"
#include "io/serial.h"
#include "io/terminal.h"
#include "io/vga.h"

#endif
