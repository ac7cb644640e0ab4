/*
 * ata_dma.c: the bus master of a PCI IDE controller.
 *
 * The controller follows a table of physical regions. No region may cross a 64 KiB boundary, and neither may the table.
 * Addresses are physical: the code relies on memory being mapped one to one.
 */
#include "io/ata.h"
#include "io/ata_channel.h"
#include "io/port.h"

enum { MASTER_COMMAND = 0, MASTER_STATUS = 2, MASTER_TABLE = 4 };
enum { COMMAND_START = 1 << 0, COMMAND_TO_MEMORY = 1 << 3 };
enum { MASTER_ERROR = 1 << 1, MASTER_INTERRUPT = 1 << 2 };
enum { REGION_LIMIT = 0x10000, TABLE_ENTRIES = 512 };

typedef struct {
    uint32_t address;
    uint16_t bytes; /* 0 means 65536 */
    uint16_t flags;
} region_t;

static const uint16_t REGION_LAST = 0x8000;

bool ata_stands_still;

static region_t table[TABLE_ENTRIES] __attribute__((aligned(sizeof(region_t) * TABLE_ENTRIES)));

_Static_assert((uint64_t)ATA_DMA_SECTORS *BLOCK_SIZE <= (uint64_t)(TABLE_ENTRIES - 1) * REGION_LIMIT,
               "an unaligned buffer touches one region more than an aligned one");

void ata_dma_prepare(const ata_channel_t *channel, uintptr_t buffer, size_t bytes, bool to_memory) {
    size_t used = 0;
    while (bytes) {
        size_t room = REGION_LIMIT - buffer % REGION_LIMIT;
        size_t part = bytes < room ? bytes : room;
        table[used++] = (region_t){.address = (uint32_t)buffer, .bytes = (uint16_t)part, .flags = 0};
        buffer += part;
        bytes -= part;
    }
    table[used - 1].flags = REGION_LAST;
    outl((uint16_t)(channel->bus_master + MASTER_TABLE), (uint32_t)(uintptr_t)table);
    outb((uint16_t)(channel->bus_master + MASTER_COMMAND), to_memory ? COMMAND_TO_MEMORY : 0);
    uint8_t status = inb((uint16_t)(channel->bus_master + MASTER_STATUS));
    outb((uint16_t)(channel->bus_master + MASTER_STATUS), status | MASTER_ERROR | MASTER_INTERRUPT); /* 1 clears */
}

block_result_t ata_dma_run(const ata_channel_t *channel, bool to_memory) {
    uint8_t direction = to_memory ? COMMAND_TO_MEMORY : 0;
    __asm__ volatile("" : : : "memory"); /* table and buffer are in memory before the controller looks */
    outb((uint16_t)(channel->bus_master + MASTER_COMMAND), direction | COMMAND_START);
    if (ata_stands_still) /* who takes the start back waits in QEMU until all is there, before the next instruction */
        outb((uint16_t)(channel->bus_master + MASTER_COMMAND), direction);
    uint8_t status = 0;
    for (uint32_t polls = 0; polls < ATA_POLLS && !(status & (MASTER_ERROR | MASTER_INTERRUPT)); polls++) {
        status = inb((uint16_t)(channel->bus_master + MASTER_STATUS));
    }
    outb((uint16_t)(channel->bus_master + MASTER_COMMAND), direction);
    __asm__ volatile("" : : : "memory"); /* the buffer is read only now */
    if (status & MASTER_ERROR) {
        return BLOCK_FAULT;
    }
    return status & MASTER_INTERRUPT ? ata_wait(channel, 0) : BLOCK_TIMEOUT;
}
