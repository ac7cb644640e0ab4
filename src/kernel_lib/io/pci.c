/* pci.c: configuration space through ports 0xCF8 and 0xCFC; the search visits all 256 buses and no more. */
#include "io/pci.h"
#include "io/port.h"

enum { ADDRESS_PORT = 0xCF8, DATA_PORT = 0xCFC };
enum { HEADER_TYPE = 0x0C, MULTIFUNCTION = 1 << 23, FUNCTIONS = 8, ALL_FUNCTIONS = 256 * 32 * FUNCTIONS };

static const uint32_t NO_DEVICE = 0xFFFFFFFF;
static const uint32_t ADDRESS_ENABLE = 0x80000000;

uint32_t pci_read(pci_address_t function, unsigned offset) {
    outl(ADDRESS_PORT, function | offset);
    return inl(DATA_PORT);
}

void pci_write(pci_address_t function, unsigned offset, uint32_t value) {
    outl(ADDRESS_PORT, function | offset);
    outl(DATA_PORT, value);
}

/* Function 0 stands for its device: where it is missing or says that it is alone, the other seven are not asked. */
bool pci_find(uint16_t class, pci_address_t *found) {
    for (uint32_t number = 0; number < ALL_FUNCTIONS;) {
        pci_address_t address = ADDRESS_ENABLE | number << 8;
        bool present = pci_read(address, 0) != NO_DEVICE;
        if (present && pci_read(address, PCI_CLASS) >> 16 == class) {
            *found = address;
            return true;
        }
        bool is_first = number % FUNCTIONS == 0;
        bool alone = is_first && !(present && pci_read(address, HEADER_TYPE) & MULTIFUNCTION);
        number += alone ? FUNCTIONS : 1;
    }
    return false;
}
