/* version.c: see version.h. The only source that is compiled anew for a release of another commit. */
#include "version.h"

const char VERSION[] = BF_VERSION; /* recipes/kernel_lib.py */
