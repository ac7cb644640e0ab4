; stage2.asm: finds out what the kernel needs to know, loads and checks it, and enters it in protected mode.
;
; Comes with DL = boot drive, segments 0, stack below STAGE1_ADDRESS, COM1 set up. The kernel is entered with flat 4 GiB
; segments, interrupts off, A20 on, paging off, and this at BF_HANDOVER_ADDRESS:
;
;     +0  u32  number of entries, 1..HANDOVER_ENTRIES
;     +4       the BIOS memory map (INT 15h, E820), 24 bytes an entry:
;              u64 base, u64 length, u32 type (1 is usable), u32 attributes (bit 0 clear: ignore the entry)
;
; The kernel image begins with the header that seal.py writes. Nothing about it is known here beforehand: size, checksum
; and entry are read from it and checked.
;
; Boot errors: disk-error, no-memory-map, a20-off, bad-signature, size-too-large, bad-entry, bad-checksum.

%include "layout.inc"
%include "boot.inc"

%define HANDOVER_COUNT   BF_HANDOVER_ADDRESS
%define HANDOVER_MAP     BF_HANDOVER_ADDRESS + 4
%define HANDOVER_ENTRIES 128
%define KERNEL_CAPACITY  BF_KERNEL_SECTORS * BF_SECTOR_SIZE - BF_KERNEL_HEADER_SIZE
%define CODE_SELECTOR    8
%define DATA_SELECTOR    16
%define KERNEL_CODE      BF_KERNEL_ADDRESS + BF_KERNEL_HEADER_SIZE

    bits 16
    org STAGE2_ADDRESS

    dd STAGE2_MAGIC
start:
    call disk_open
    call memory_map_read
    call a20_enable
    call kernel_load
    call kernel_check
    jmp kernel_enter

%macro fail_if 2                        ; fail_if CONDITION, REASON: ends the boot; changes SI otherwise
    mov si, %%reason
    j%1 boot_fail
    jmp %%go_on
%%reason: db %2, 0
%%go_on:
%endmacro

; Fills the handover.
memory_map_read:
    xor ax, ax
    mov es, ax
    mov di, HANDOVER_MAP
    mov dword [HANDOVER_COUNT], 0
    xor ebx, ebx
.next:
    mov dword [di + 20], 1              ; a BIOS that gives 20 bytes means an entry that counts
    mov eax, 0xE820
    mov edx, 'PAMS'                     ; "SMAP" as the BIOS reads it
    mov ecx, 24
    int 0x15
    jc .end                             ; some report the end of the list this way
    cmp eax, 'PAMS'
    jne .end
    inc dword [HANDOVER_COUNT]
    add di, 24
    test ebx, ebx
    jz .end
    cmp dword [HANDOVER_COUNT], HANDOVER_ENTRIES
    jb .next
.end:
    cmp dword [HANDOVER_COUNT], 0
    fail_if e, "no-memory-map"
    ret

%include "a20.inc"

; Reads the header's sector, then as many sectors as it says.
kernel_load:
    mov ax, BF_KERNEL_LBA
    mov cx, 1
    call .read
    mov ax, BF_KERNEL_ADDRESS >> 4
    mov es, ax
    cmp dword [es:0], BF_KERNEL_MAGIC
    fail_if ne, "bad-signature"
    mov ecx, [es:4]
    cmp ecx, KERNEL_CAPACITY
    fail_if a, "size-too-large"
    mov eax, [es:12]
    sub eax, KERNEL_CODE
    cmp eax, ecx
    fail_if ae, "bad-entry"
    add ecx, BF_KERNEL_HEADER_SIZE + BF_SECTOR_SIZE - 1
    shr ecx, 9
    mov ax, BF_KERNEL_LBA
.read:
    mov si, BF_KERNEL_ADDRESS >> 4
    mov es, si
    jmp disk_read

; Compares the checksum in the header with that of the code: CRC-32 as zlib computes it, four bits at a time.
kernel_check:
    mov ax, BF_KERNEL_ADDRESS >> 4
    mov es, ax
    mov ecx, [es:4]
    mov ebp, [es:8]
    mov di, BF_KERNEL_HEADER_SIZE
    or eax, -1
.byte:
    xor al, [es:di]
%rep 2
    movzx bx, al
    and bl, 0x0F
    shl bx, 2
    shr eax, 4
    xor eax, [crc_table + bx]
%endrep
    inc di
    jnz .same_segment
    mov bx, es
    add bx, 0x1000
    mov es, bx
.same_segment:
    dec ecx
    jnz .byte
    not eax
    cmp eax, ebp
    fail_if ne, "bad-checksum"
    ret

crc_table:                              ; the remainder of each four bits, polynomial 0xEDB88320
%assign index 0
%rep 16
    %assign remainder index
    %rep 4
        %assign remainder (remainder >> 1) ^ (0xEDB88320 * (remainder & 1))
    %endrep
    dd remainder
    %assign index index + 1
%endrep

kernel_enter:
    cli
    lgdt [gdt_pointer]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp CODE_SELECTOR:.protected
    bits 32
.protected:
    mov eax, DATA_SELECTOR
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    jmp [BF_KERNEL_ADDRESS + 12]
    bits 16

    align 8
gdt:                                    ; the kernel brings its own; this one serves until then
    dq 0
    dq 0x00CF9A000000FFFF               ; code: base 0, 4 GiB, ring 0
    dq 0x00CF92000000FFFF               ; data: the same
gdt_pointer:
    dw $ - gdt - 1
    dd gdt

%include "console.inc"
%include "disk.inc"

%if $ - $$ > BF_STAGE2_SECTORS * BF_SECTOR_SIZE
%error "stage 2 is larger than its place on the disk"
%endif
