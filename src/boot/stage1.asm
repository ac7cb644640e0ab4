; stage1.asm: the first sector. The BIOS loads it at 0x7C00; it loads stage 2 and jumps there.
;
; Bytes 0..439 are code; 440..511 belong to the disk (signature, partition table, 0x55AA) and are filled in by whoever
; builds the image.
;
; Boot errors: disk-error, bad-stage2 (the sectors behind this one hold something else).

%include "layout.inc"
%include "boot.inc"

    bits 16
    org STAGE1_ADDRESS

start:
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, STAGE1_ADDRESS              ; no interrupt comes between this and the line above
    sti
    cld
    jmp 0:.normalised                   ; some BIOSes come with CS = 0x07C0
.normalised:
    push dx
    call serial_setup
    pop dx
    call disk_open
    mov ax, BF_STAGE2_LBA
    mov cx, BF_STAGE2_SECTORS
    mov si, STAGE2_ADDRESS >> 4
    mov es, si
    call disk_read
    cmp dword [STAGE2_ADDRESS], STAGE2_MAGIC
    mov si, bad_stage2
    jne boot_fail
    mov dl, [disk_drive]
    jmp STAGE2_ADDRESS + 4

bad_stage2: db "bad-stage2", 0

%include "console.inc"
%include "disk.inc"

%if $ - $$ > 440
%error "stage 1 reaches into the partition table"
%endif
    times BF_SECTOR_SIZE - ($ - $$) db 0
