/* floats_hard.c: floats.c once more, for a build that leaves floating point to the processor. */
#include "floats.c"
