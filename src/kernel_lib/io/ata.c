/*
 * ata.c: finds an ATA disk and moves blocks between it and memory.
 *
 * One command at a time. A transfer is cut into commands of what LBA28 (256 sectors) or LBA48 can carry; LBA48 is used
 * only where LBA28 does not reach, since old disks lack it. Any disk error after the channel was reset once is final:
 * the caller gets the code, nothing is retried silently for ever.
 */
#include "io/ata.h"
#include "io/ata_channel.h"
#include "io/pci.h"
#include "io/port.h"

#include <stddef.h>

enum {
    READ_PIO = 0x20,
    READ_PIO_48 = 0x24,
    READ_DMA_48 = 0x25,
    WRITE_PIO = 0x30,
    WRITE_PIO_48 = 0x34,
    WRITE_DMA_48 = 0x35,
    READ_DMA = 0xC8,
    WRITE_DMA = 0xCA,
    FLUSH = 0xE7,
    FLUSH_48 = 0xEA,
    IDENTIFY = 0xEC,
};

enum { DEVICE_LBA = 0xE0, DEVICE_SECOND = 1 << 4, CONTROL_RESET = 1 << 2 };
enum { PCI_CLASS_IDE = 0x0101, INTERFACE_BUS_MASTER = 1 << 7, WORDS = BLOCK_SIZE / 2 };
enum { NATIVE_FIRST = 1 << 0, NATIVE_SECOND = 1 << 2 };

#define RARE __attribute__((cold)) /* small rather than fast */

static const uint32_t LBA28_LIMIT = 1U << 28;
enum { LBA28_SECTORS = 256 };

typedef struct {
    uint32_t first;
    uint32_t count;
    uint8_t *buffer;
    bool to_memory;
} transfer_t;

static struct {
    ata_channel_t channel;
    uint8_t second; /* DEVICE_SECOND for the slave of its channel */
    bool lba48;
    bool dma;
    uint32_t sectors;
    block_device_t device;
} disk;

static uint32_t sectors_read;

static uint8_t reg_in(unsigned reg) {
    return inb((uint16_t)(disk.channel.command + reg));
}

static void reg_out(unsigned reg, uint32_t value) {
    outb((uint16_t)(disk.channel.command + reg), (uint8_t)value);
}

block_result_t ata_wait(const ata_channel_t *channel, uint8_t wanted) {
    for (uint32_t polls = 0; polls < ATA_POLLS; polls++) {
        uint8_t status = inb(channel->control);
        if (status & STATUS_BUSY) {
            continue;
        }
        if (status & (STATUS_ERROR | STATUS_FAULT)) {
            return BLOCK_FAULT;
        }
        if ((status & wanted) == wanted) {
            return BLOCK_OK;
        }
    }
    return BLOCK_TIMEOUT;
}

/* Like ata_wait, but the error of an earlier command does not count: that one has been reported. */
static block_result_t wait_idle(void) {
    for (uint32_t polls = 0; polls < ATA_POLLS; polls++) {
        if (!(inb(disk.channel.control) & (STATUS_BUSY | STATUS_REQUEST))) {
            return BLOCK_OK;
        }
    }
    return BLOCK_TIMEOUT;
}

/* A disk may take 400 ns until its status is its own: four reads of a port. */
static void settle(void) {
    for (int i = 0; i < 4; i++) {
        inb(disk.channel.control);
    }
}

static block_result_t select_disk(uint8_t address_bits) {
    reg_out(ATA_DEVICE, DEVICE_LBA | disk.second | address_bits);
    settle();
    return wait_idle();
}

RARE static void reset_channel(void) {
    outb(disk.channel.control, CONTROL_RESET);
    for (int i = 0; i < 20; i++) { /* at least 5 microseconds */
        inb(disk.channel.control);
    }
    outb(disk.channel.control, 0);
    for (int i = 0; i < 4000; i++) { /* 2 milliseconds before the status may be trusted */
        inb(disk.channel.control);
    }
    wait_idle();
}

/* Ends every command: reading the status register takes the interrupt request back. */
static block_result_t finish(block_result_t result) {
    reg_in(ATA_STATUS);
    return result;
}

static bool needs_lba48(const transfer_t *transfer) {
    return transfer->count > LBA28_SECTORS || transfer->first + transfer->count > LBA28_LIMIT;
}

static block_result_t send(const transfer_t *transfer, uint8_t command) {
    bool wide = needs_lba48(transfer);
    block_result_t result = select_disk(wide ? 0 : (uint8_t)(transfer->first >> 24 & 0x0F));
    if (result) {
        return result;
    }
    if (wide) { /* each register takes its high byte first */
        reg_out(ATA_COUNT, transfer->count >> 8);
        reg_out(ATA_LBA_LOW, transfer->first >> 24);
        reg_out(ATA_LBA_MIDDLE, 0);
        reg_out(ATA_LBA_HIGH, 0);
    }
    reg_out(ATA_COUNT, transfer->count); /* the largest count is written as 0 */
    reg_out(ATA_LBA_LOW, transfer->first);
    reg_out(ATA_LBA_MIDDLE, transfer->first >> 8);
    reg_out(ATA_LBA_HIGH, transfer->first >> 16);
    reg_out(ATA_STATUS, command);
    settle();
    return BLOCK_OK;
}

static void move_sector(uint8_t *buffer, bool to_memory) {
    uint32_t words = WORDS;
    if (to_memory) {
        __asm__ volatile("rep insw" : "+D"(buffer), "+c"(words) : "d"(disk.channel.command) : "memory");
    } else {
        __asm__ volatile("rep outsw" : "+S"(buffer), "+c"(words) : "d"(disk.channel.command) : "memory");
    }
}

static block_result_t transfer_pio(const transfer_t *transfer) {
    static const uint8_t COMMANDS[2][2] = {{WRITE_PIO, WRITE_PIO_48}, {READ_PIO, READ_PIO_48}};
    block_result_t result = send(transfer, COMMANDS[transfer->to_memory][needs_lba48(transfer)]);
    for (uint32_t i = 0; !result && i < transfer->count; i++) {
        result = ata_wait(&disk.channel, STATUS_REQUEST);
        if (!result) {
            move_sector(transfer->buffer + (size_t)i * BLOCK_SIZE, transfer->to_memory);
            settle();
        }
    }
    return finish(result ? result : ata_wait(&disk.channel, 0));
}

static block_result_t transfer_dma(const transfer_t *transfer) {
    static const uint8_t COMMANDS[2][2] = {{WRITE_DMA, WRITE_DMA_48}, {READ_DMA, READ_DMA_48}};
    size_t bytes = (size_t)transfer->count * BLOCK_SIZE;
    ata_dma_prepare(&disk.channel, (uintptr_t)transfer->buffer, bytes, transfer->to_memory);
    block_result_t result = send(transfer, COMMANDS[transfer->to_memory][needs_lba48(transfer)]);
    return finish(result ? result : ata_dma_run(&disk.channel, transfer->to_memory));
}

static block_result_t transfer_command(const transfer_t *transfer) {
    bool word_aligned = (uintptr_t)transfer->buffer % 2 == 0;
    if (ata_uses_dma() && word_aligned) {
        if (!transfer_dma(transfer)) {
            return BLOCK_OK;
        }
        disk.dma = false;
        reset_channel();
    }
    block_result_t result = transfer_pio(transfer);
    if (result) {
        reset_channel();
    }
    return result;
}

static block_result_t transfer_blocks(uint32_t first, uint32_t count, uint8_t *buffer, bool to_memory) {
    if (!block_in_range(&disk.device, first, count)) {
        return BLOCK_OUT_OF_RANGE;
    }
    uint32_t limit = disk.lba48 ? ATA_DMA_SECTORS : LBA28_SECTORS;
    block_result_t result = BLOCK_OK;
    while (count && !result) {
        uint32_t part = count < limit ? count : limit;
        transfer_t transfer = {.first = first, .count = part, .buffer = buffer, .to_memory = to_memory};
        result = transfer_command(&transfer);
        sectors_read += to_memory ? part : 0;
        first += part;
        count -= part;
        buffer += (size_t)part * BLOCK_SIZE;
    }
    return result;
}

static uint32_t ata_size(block_device_t *device) {
    (void)device;
    return disk.sectors;
}

static block_result_t ata_read(block_device_t *device, uint32_t first, uint32_t count, void *buffer) {
    (void)device;
    return transfer_blocks(first, count, buffer, true);
}

static block_result_t ata_write(block_device_t *device, uint32_t first, uint32_t count, const void *buffer) {
    (void)device;
    return transfer_blocks(first, count, (uint8_t *)(uintptr_t)buffer, false);
}

static block_result_t ata_flush(block_device_t *device) {
    (void)device;
    if (ata_stands_still) {
        return BLOCK_OK;
    }
    block_result_t result = select_disk(0);
    if (!result) {
        reg_out(ATA_STATUS, disk.lba48 ? FLUSH_48 : FLUSH);
        settle();
        result = ata_wait(&disk.channel, 0);
    }
    return finish(result);
}

/* What the disk says of itself decides how it is driven; a disk without LBA is older than any PC we can boot on. */
static bool read_identity(void) {
    enum { CAPABILITIES = 49, LBA28_SIZE = 60, COMMAND_SETS = 83, LBA48_SIZE = 100 };
    uint16_t words[WORDS];
    move_sector((uint8_t *)words, true);
    disk.dma = words[CAPABILITIES] & 1 << 8;
    disk.lba48 = words[COMMAND_SETS] & 1 << 10;
    disk.sectors = words[LBA28_SIZE] | (uint32_t)words[LBA28_SIZE + 1] << 16;
    if (disk.lba48) {
        bool beyond_32_bits = words[LBA48_SIZE + 2] || words[LBA48_SIZE + 3];
        disk.sectors = beyond_32_bits ? UINT32_MAX : words[LBA48_SIZE] | (uint32_t)words[LBA48_SIZE + 1] << 16;
    }
    return words[CAPABILITIES] & 1 << 9 && disk.sectors;
}

/* Asks for an identity. Where no disk is, the bus floats (all ones) or the status stays 0; ATAPI drives refuse. */
static bool identify(void) {
    uint8_t status = reg_in(ATA_STATUS);
    if (status == 0xFF || select_disk(0)) {
        return false;
    }
    reg_out(ATA_COUNT, 0);
    reg_out(ATA_LBA_LOW, 0);
    reg_out(ATA_LBA_MIDDLE, 0);
    reg_out(ATA_LBA_HIGH, 0);
    reg_out(ATA_STATUS, IDENTIFY);
    settle();
    status = reg_in(ATA_STATUS);
    bool found = status != 0 && status != 0xFF && !ata_wait(&disk.channel, STATUS_REQUEST) && read_identity();
    return !finish(found ? BLOCK_OK : BLOCK_ABSENT);
}

/* The registers of both channels: fixed by tradition, or by the controller's BARs in its native mode. */
RARE static void find_channels(ata_channel_t channels[2]) {
    channels[0] = (ata_channel_t){.command = 0x1F0, .control = 0x3F6, .bus_master = 0};
    channels[1] = (ata_channel_t){.command = 0x170, .control = 0x376, .bus_master = 0};
    pci_address_t controller;
    if (!pci_find(PCI_CLASS_IDE, &controller)) {
        return;
    }
    uint32_t interface = pci_read(controller, PCI_CLASS) >> 8;
    uint32_t bars[5];
    for (unsigned i = 0; i < 5; i++) {
        bars[i] = pci_read(controller, PCI_BAR0 + 4 * i) & ~3U;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (interface & (i ? NATIVE_SECOND : NATIVE_FIRST)) {
            channels[i].command = (uint16_t)bars[2 * i];
            channels[i].control = (uint16_t)(bars[2 * i + 1] + 2);
        }
    }
    if (interface & INTERFACE_BUS_MASTER && bars[4]) {
        uint32_t command =
            pci_read(controller, PCI_COMMAND) & 0xFFFF; /* writing 0 to the status half changes nothing */
        pci_write(controller, PCI_COMMAND, command | PCI_COMMAND_IO | PCI_COMMAND_BUS_MASTER);
        channels[0].bus_master = (uint16_t)bars[4];
        channels[1].bus_master = (uint16_t)(bars[4] + 8);
    }
}

block_result_t ata_open(block_device_t **device) {
    ata_channel_t channels[2];
    find_channels(channels);
    for (unsigned i = 0; i < 4; i++) {
        disk.channel = channels[i / 2];
        disk.second = i % 2 ? DEVICE_SECOND : 0;
        if (identify()) {
            disk.device = (block_device_t){ata_size, ata_read, ata_write, ata_flush, NULL};
            *device = &disk.device;
            return BLOCK_OK;
        }
    }
    return BLOCK_ABSENT;
}

bool ata_uses_dma(void) {
    return disk.dma && disk.channel.bus_master;
}

void ata_allow_dma(bool allowed) {
    disk.dma = allowed;
}

uint32_t ata_sectors_read(void) {
    return sectors_read;
}
