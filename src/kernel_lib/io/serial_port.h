/* serial_port.h: what serial.c sends its characters with. */
#ifndef BF_SERIAL_PORT_H
#define BF_SERIAL_PORT_H

/*
 * Sends one byte as it is. A port that does not get rid of its bytes within a bound loses them: never a hang. The byte
 * comes in a register, because that makes a smaller kernel.
 */
__attribute__((fastcall)) void serial_send(char character);

#endif
