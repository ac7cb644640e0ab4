/* version.h: which release this is. */
#ifndef BF_VERSION_H
#define BF_VERSION_H

extern const char VERSION[]; /* version and commit of a release, else "development" */

#endif
