/* cpu.h: the processor and what stands next to it. The index of this room. */
#ifndef BF_CPU_H
#define BF_CPU_H

#include "cpu/features.h"
#include "cpu/interrupts.h"
#include "cpu/memory_map.h"
#include "cpu/panic.h"
#include "cpu/timer.h"
#include "cpu/tsc.h"

#endif
