/* thread_area.h: the segment that a program for Linux finds its thread's variables in, by %gs. There is one. */
#ifndef BF_THREAD_AREA_H
#define BF_THREAD_AREA_H

#include <stdint.h>

/* Lets it begin at `base`, with `limit` and one pages; returns its number in the table of segments. */
uint32_t thread_area_set(uint32_t base, uint32_t limit);

/* Lets %gs mean it, once it was set. */
void thread_area_select(void);

#endif
