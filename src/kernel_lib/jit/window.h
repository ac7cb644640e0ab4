/* window.h: what lies where in the window of virtual memory (cpu/paging.h). */
#ifndef BF_WINDOW_H
#define BF_WINDOW_H

#include "layout.h"

/* From below: the compiler module's image, its heap, nothing; then code, then a page of nothing and the stack. */
#define MODULE_STACK_SIZE (1U << 20)
#define MODULE_STACK_START (BF_WINDOW_END - MODULE_STACK_SIZE)
#define CODE_WINDOW_SIZE (16U << 20)
#define CODE_WINDOW_START (BF_WINDOW_END - (2U << 20) - CODE_WINDOW_SIZE)

#endif
