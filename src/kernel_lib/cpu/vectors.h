/*
 * vectors.h: the registers of x87, MMX, SSE and AVX.
 *
 * The kernel uses none of them, and interrupts do not save them: an interrupt handler must not touch them. Code that
 * was compiled for this very processor may, after vectors_init().
 */
#ifndef BF_VECTORS_H
#define BF_VECTORS_H

/* Lets code use all registers that the processor has. Later calls do nothing. */
void vectors_init(void);

/* Gives them the state that a program finds at its start. Needs vectors_init(). */
void vectors_reset(void);

#endif
