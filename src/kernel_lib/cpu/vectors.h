/*
 * vectors.h: the registers of x87, MMX, SSE and AVX.
 *
 * The kernel uses none of them, and interrupts do not save them: an interrupt handler must not touch them. An app may,
 * and code that was compiled for this very processor: a kernel that has this file calls vectors_init() before the app.
 */
#ifndef BF_VECTORS_H
#define BF_VECTORS_H

/* Lets code use all registers that the processor has, from the state that a program finds. Later calls do nothing. */
void vectors_init(void);

/* Gives them that state again. Needs vectors_init(). */
void vectors_reset(void);

#endif
