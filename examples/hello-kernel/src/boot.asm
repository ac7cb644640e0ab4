; boot.asm: the boot sector. The BIOS loads it at 0x7C00; it loads the kernel, enters protected mode and jumps there.
;
; disk.inc is made from recipes/disk.py and says where the kernel lies, on the disk and in memory.

%include "disk.inc"

    bits 16
    org 0x7C00

    jmp 0:boot                          ; some BIOSes come with CS = 0x07C0
boot:
    cli
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7C00
    mov si, packet
    mov ah, 0x42                        ; read sectors by number; DL is still the drive that was booted
    int 0x13
    jc failed
    lgdt [gdt_pointer]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp 0x08:protected

failed:
    mov al, 0x11                        ; QEMU ends with the status 2 * 0x11 + 1: a failure
    out 0xF4, al
halt:
    hlt
    jmp halt

    bits 32
protected:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, HELLO_STACK_TOP
    jmp HELLO_KERNEL_ADDRESS

packet:                                 ; "disk address packet" of the BIOS's extended read
    db 16, 0
    dw HELLO_KERNEL_SECTORS
    dw 0, HELLO_KERNEL_ADDRESS >> 4     ; offset, segment
    dq HELLO_KERNEL_LBA

    align 8
gdt:
    dq 0
    dq 0x00CF9A000000FFFF               ; 0x08: code, 4 GiB from 0
    dq 0x00CF92000000FFFF               ; 0x10: data, the same
gdt_pointer:
    dw $ - gdt - 1
    dd gdt

    times 510 - ($ - $$) db 0
    dw 0xAA55
