/*
 * ata.h: the first ATA disk of a PC's IDE controller, as a block device.
 *
 * Transfers use bus-master DMA where controller and disk have it, and programmed I/O otherwise. A DMA transfer that
 * fails is repeated by programmed I/O once, and the disk stays there. Polled: no interrupt is used, every wait is
 * bounded. Not for interrupt handlers, one caller at a time.
 */
#ifndef BF_ATA_H
#define BF_ATA_H

#include "io/block.h"

/* Looks for the controller and the disk. BLOCK_ABSENT when there is none; then *device is not to be used. */
block_result_t ata_open(block_device_t **device);

/* Whether transfers of the opened disk use DMA now; and the switch, which only ever takes DMA away or gives it back. */
bool ata_uses_dma(void);
void ata_allow_dma(bool allowed);

/*
 * Takes the disk's time out of what a program measures, for a machine that counts instructions instead of time: where
 * set, the machine stands still during a transfer, and nothing is flushed. Only QEMU does so; hardware would break the
 * transfer off.
 */
extern bool ata_stands_still;

/* Sectors that were read since the start. */
uint32_t ata_sectors_read(void);

#endif
