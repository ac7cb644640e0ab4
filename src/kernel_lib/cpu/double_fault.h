/*
 * double_fault.h: an exception that finds no stack, because that has run over into a page that is not there.
 *
 * Without this the machine resets. With it the exception is taken on a stack of its own, as "double-fault", and is
 * shown to watchers like any other.
 */
#ifndef BF_DOUBLE_FAULT_H
#define BF_DOUBLE_FAULT_H

/* Needs interrupts_init(); after paging_init(), whose tables it keeps to. */
void double_fault_init(void);

#endif
