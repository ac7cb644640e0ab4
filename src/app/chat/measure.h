/* measure.h: what one call of each product costs, as records for `doit bench`. */
#ifndef CHAT_MEASURE_H
#define CHAT_MEASURE_H

#include "transformer.h"

/* Overwrites what the transformer is working on, not what it remembers. */
void measure_products(transformer_t *transformer);

#endif
