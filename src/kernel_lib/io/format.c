/* format.c: see format.h. */
#include "io/format.h"

#include <stdbool.h>
#include <stdint.h>

enum { MAX_DIGITS = 20 }; /* UINT64_MAX in decimal */

typedef struct {
    format_sink_t *sink;
    void *context;
    size_t count;
} output_t;

/* One conversion: what stands between '%' and its letter. */
typedef struct {
    bool left, zero;
    size_t width;
    size_t precision; /* SIZE_MAX without one */
    bool is_64_bits;
} conversion_t;

static void put(output_t *output, char character) {
    output->sink(output->context, character);
    output->count++;
}

static void pad(output_t *output, char character, size_t length, size_t width) {
    for (; length < width; length++)
        put(output, character);
}

/* The field: padding, sign, text, padding. */
static void put_field(output_t *output, const conversion_t *conversion, char sign, const char *text, size_t size) {
    size_t length = size + (sign != '\0');
    if (!conversion->left && !conversion->zero)
        pad(output, ' ', length, conversion->width);
    if (sign != '\0')
        put(output, sign);
    if (!conversion->left && conversion->zero)
        pad(output, '0', length, conversion->width);
    for (size_t i = 0; i < size; i++)
        put(output, text[i]);
    if (conversion->left)
        pad(output, ' ', length, conversion->width);
}

static void put_number(output_t *output, const conversion_t *conversion, char sign, uint64_t value, unsigned base,
                       bool capitals) {
    const char *digits = capitals ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[MAX_DIGITS];
    char *at = text + MAX_DIGITS;
    while (value > UINT32_MAX) { /* 64-bit division is slow, and rarely needed for more than a few digits */
        *--at = digits[value % base];
        value /= base;
    }
    uint32_t rest = (uint32_t)value;
    do
        *--at = digits[rest % base];
    while ((rest /= base) != 0);
    put_field(output, conversion, sign, at, (size_t)(text + MAX_DIGITS - at));
}

static void put_signed(output_t *output, const conversion_t *conversion, int64_t value) {
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    put_number(output, conversion, value < 0 ? '-' : '\0', magnitude, 10, false);
}

static void put_string(output_t *output, conversion_t *conversion, const char *text) {
    size_t size = 0;
    while (size < conversion->precision && text[size] != '\0')
        size++;
    conversion->zero = false;
    put_field(output, conversion, '\0', text, size);
}

static size_t parse_number(const char **at, va_list *arguments) {
    if (**at == '*') {
        ++*at;
        int value = va_arg(*arguments, int);
        return value < 0 ? 0 : (size_t)value;
    }
    size_t value = 0;
    while (**at >= '0' && **at <= '9')
        value = value * 10 + (size_t)(*(*at)++ - '0');
    return value;
}

/* `*at` is behind the '%'; it is left at the conversion's letter. */
static conversion_t parse(const char **at, va_list *arguments) {
    conversion_t conversion = {.precision = SIZE_MAX};
    for (;; ++*at) {
        if (**at == '-')
            conversion.left = true;
        else if (**at == '0')
            conversion.zero = true;
        else
            break;
    }
    conversion.width = parse_number(at, arguments);
    if (**at == '.') {
        ++*at;
        conversion.precision = parse_number(at, arguments);
    }
    if (**at == 'z' || **at == 'l')
        ++*at; /* both have 32 bits */
    if (**at == 'l') {
        ++*at;
        conversion.is_64_bits = true;
    }
    return conversion;
}

/* False when the letter is none of ours. */
static bool convert(output_t *output, conversion_t *conversion, char letter, va_list *arguments) {
    switch (letter) {
    case 'd':
    case 'i':
        put_signed(output, conversion, conversion->is_64_bits ? va_arg(*arguments, int64_t) : va_arg(*arguments, int));
        return true;
    case 'u':
    case 'x':
    case 'X':
        put_number(output, conversion, '\0',
                   conversion->is_64_bits ? va_arg(*arguments, uint64_t) : va_arg(*arguments, uint32_t),
                   letter == 'u' ? 10 : 16, letter == 'X');
        return true;
    case 'p':
        put(output, '0');
        put(output, 'x');
        conversion->zero = true;
        conversion->width = 8;
        put_number(output, conversion, '\0', (uint32_t)va_arg(*arguments, void *), 16, false);
        return true;
    case 's':
        put_string(output, conversion, va_arg(*arguments, const char *));
        return true;
    case 'c': {
        char character = (char)va_arg(*arguments, int);
        conversion->zero = false;
        put_field(output, conversion, '\0', &character, 1);
        return true;
    }
    case '%':
        put(output, '%');
        return true;
    default:
        return false;
    }
}

size_t format_to(format_sink_t *sink, void *context, const char *format, va_list arguments) {
    output_t output = {sink, context, 0};
    va_list rest;
    va_copy(rest, arguments);
    while (*format != '\0') {
        const char *start = format;
        if (*format++ == '%') {
            conversion_t conversion = parse(&format, &rest);
            if (*format != '\0' && convert(&output, &conversion, *format, &rest)) {
                format++;
                continue;
            }
        }
        while (start < format)
            put(&output, *start++);
    }
    va_end(rest);
    return output.count;
}

typedef struct {
    char *buffer;
    size_t size, used;
} text_t;

static void text_sink(void *context, char character) {
    text_t *text = context;
    if (text->used + 1 < text->size)
        text->buffer[text->used++] = character;
}

int vsnprintf(char *buffer, size_t size, const char *format, va_list arguments) {
    text_t text = {buffer, size, 0};
    size_t length = format_to(text_sink, &text, format, arguments);
    if (size > 0)
        buffer[text.used] = '\0';
    return (int)length;
}

int snprintf(char *buffer, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}
