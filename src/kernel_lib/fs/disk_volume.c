/* disk_volume.c: joins the file system to the machine's disk, so that a program which needs no files pays for neither.
 */
#include "fs/fs.h"
#include "io/ata.h"
#include "runtime.h"

fs_result_t fs_mount_disk(fs_volume_t **volume) {
    static fs_volume_t *mounted;
    if (!mounted) {
        block_device_t *disk;
        ata_stands_still = app_wants_bench(); /* a disk's answers come in the host's time */
        fs_result_t result = ata_open(&disk) == BLOCK_OK ? fs_mount(disk, &mounted) : FS_NO_VOLUME;
        if (result) {
            return result;
        }
    }
    *volume = mounted;
    return FS_OK;
}
