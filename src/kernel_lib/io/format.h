/*
 * format.h: text from values, as the C standard's printf family does it, in the part that is used here.
 *
 *     %[-][0][width][.precision][l|ll|z] d i u x X p s c %
 *
 * `width` may be '*'; `precision`, which may be '*', limits %s only. A conversion outside this list is copied as it
 * stands. Uses no heap; safe in interrupt handlers.
 */
#ifndef BF_FORMAT_H
#define BF_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

typedef void format_sink_t(void *context, char character);

/* Hands each character to `sink`; returns how many there were. */
__attribute__((format(printf, 3, 0))) size_t format_to(format_sink_t *sink, void *context, const char *format,
                                                       va_list arguments);

/*
 * Writes at most `size` bytes, the last of them 0 (nothing when `size` is 0). Returns the length that the whole text
 * has, which is `size` or more when it was cut.
 */
__attribute__((format(printf, 3, 4))) int snprintf(char *buffer, size_t size, const char *format, ...);
__attribute__((format(printf, 3, 0))) int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments);

#endif
