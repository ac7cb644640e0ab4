/*
 * rename.h: gives our memory functions names of their own, so that they can be tested in a program of the host.
 *
 * Force-included (-include) into every file of such a program; the host's headers come first and keep their meaning.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define malloc bf_malloc
#define calloc bf_calloc
#define realloc bf_realloc
#define free bf_free
#define memcpy bf_memcpy
#define memmove bf_memmove
#define memset bf_memset
#define memcmp bf_memcmp
#define memchr bf_memchr
#define strlen bf_strlen
#define strnlen bf_strnlen
#define strcmp bf_strcmp
#define strncmp bf_strncmp
#define strcpy bf_strcpy
#define strncpy bf_strncpy
#define strchr bf_strchr
#define strrchr bf_strrchr
#define strstr bf_strstr
