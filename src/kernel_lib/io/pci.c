/* pci.c: configuration space through ports 0xCF8 and 0xCFC; the search visits all 256 buses and no more. */
#include "io/pci.h"
#include "io/port.h"

enum { ADDRESS_PORT = 0xCF8, DATA_PORT = 0xCFC };
enum { HEADER_TYPE = 0x0C, MULTIFUNCTION = 1 << 23, BUSES = 256, DEVICES = 32, FUNCTIONS = 8 };

static const uint32_t NO_DEVICE = 0xFFFFFFFF;

uint32_t pci_read(pci_address_t function, unsigned offset) {
    outl(ADDRESS_PORT, function | offset);
    return inl(DATA_PORT);
}

void pci_write(pci_address_t function, unsigned offset, uint32_t value) {
    outl(ADDRESS_PORT, function | offset);
    outl(DATA_PORT, value);
}

static bool find_in_device(uint32_t bus, uint32_t device, uint16_t class, pci_address_t *found) {
    for (uint32_t function = 0; function < FUNCTIONS; function++) {
        pci_address_t address = 0x80000000U | bus << 16 | device << 11 | function << 8;
        bool present = pci_read(address, 0) != NO_DEVICE;
        if (present && pci_read(address, PCI_CLASS) >> 16 == class) {
            *found = address;
            return true;
        }
        if (function == 0 && (!present || !(pci_read(address, HEADER_TYPE) & MULTIFUNCTION))) {
            return false;
        }
    }
    return false;
}

bool pci_find(uint16_t class, pci_address_t *found) {
    for (uint32_t bus = 0; bus < BUSES; bus++) {
        for (uint32_t device = 0; device < DEVICES; device++) {
            if (find_in_device(bus, device, class, found)) {
                return true;
            }
        }
    }
    return false;
}
