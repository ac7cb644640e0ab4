/*
 * ata_channel.h: one IDE channel's registers, shared by ata.c (commands, programmed I/O) and ata_dma.c.
 *
 * Interrupts stay enabled at the disk, because a bus master reports completion by the interrupt it saw, and masked at
 * the PIC. Reading the status register at the end of each command takes the request back.
 */
#ifndef BF_ATA_CHANNEL_H
#define BF_ATA_CHANNEL_H

#include "io/block.h"

#include <stddef.h>

typedef struct {
    uint16_t command;    /* base of the eight command registers */
    uint16_t control;    /* alternate status when read, device control when written */
    uint16_t bus_master; /* base of the bus master's registers; 0 without one */
} ata_channel_t;

enum { ATA_DATA, ATA_ERROR, ATA_COUNT, ATA_LBA_LOW, ATA_LBA_MIDDLE, ATA_LBA_HIGH, ATA_DEVICE, ATA_STATUS };
enum { STATUS_ERROR = 1 << 0, STATUS_REQUEST = 1 << 3, STATUS_FAULT = 1 << 5, STATUS_BUSY = 1 << 7 };

/*
 * The bound of every wait, in reads of a port. Such a read has taken about a microsecond since the ISA bus (an emulator
 * needs a third of it), so this is 10 to 30 seconds: what a disk may take to spin up or to empty its cache.
 */
enum { ATA_POLLS = 30000000 };

/* Sectors that one DMA command can carry whatever the buffer's alignment; the PRD table has room for no more. */
enum { ATA_DMA_SECTORS = 65408 };

/* Waits until the channel is not busy and all bits of `wanted` are set. BLOCK_FAULT when the disk reports an error. */
block_result_t ata_wait(const ata_channel_t *channel, uint8_t wanted);

/* Bus-master DMA around one command: prepare, send the command to the disk, then run. The buffer is word-aligned. */
void ata_dma_prepare(const ata_channel_t *channel, uintptr_t buffer, size_t bytes, bool to_memory);
block_result_t ata_dma_run(const ata_channel_t *channel, bool to_memory);

#endif
