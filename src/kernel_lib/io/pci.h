/* pci.h: PCI configuration space by mechanism #1, as far as a driver needs it to find its device. */
#ifndef BF_PCI_H
#define BF_PCI_H

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t pci_address_t; /* bus, device and function, as the address port wants them */

enum { PCI_COMMAND = 0x04, PCI_CLASS = 0x08, PCI_BAR0 = 0x10 };
enum { PCI_COMMAND_IO = 1 << 0, PCI_COMMAND_BUS_MASTER = 1 << 2 };

/* `offset` is a multiple of four. */
uint32_t pci_read(pci_address_t function, unsigned offset);
void pci_write(pci_address_t function, unsigned offset, uint32_t value);

/* The first function with this class and subclass (class << 8 | subclass), on the lowest bus; false without one. */
bool pci_find(uint16_t class, pci_address_t *found);

#endif
