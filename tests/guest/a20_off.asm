; a20_off.asm: a first sector that closes address line 20, checks that it is closed, and starts the loader.
;
; The loader's own first sector lies at LOADER_LBA. With -DBIOS_REFUSES the BIOS no longer opens the line: its service
; reports an error, as where it does not exist. When the line cannot be closed, the machine ends with a failure.

%define LOADER_ADDRESS 0x7C00
%define STUB_ADDRESS   0x6000           ; below the loader's stack, and left alone by both stages
%define PROBE          0x0500
%define DEBUG_EXIT     0xF4
%define EXIT_FAILED    0x11

    bits 16
    org STUB_ADDRESS

    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, LOADER_ADDRESS
    cld
    mov si, LOADER_ADDRESS
    mov di, STUB_ADDRESS
    mov cx, 256
    rep movsw
    jmp 0:moved
moved:
    sti
    mov si, packet                      ; DL is still the boot drive
    mov ah, 0x42
    int 0x13
    jc fail

    in al, 0x92
    and al, 0xFC
    out 0x92, al
    mov ax, 0xFFFF
    mov es, ax
    mov word [PROBE], 1
    mov word [es:PROBE + 16], 2         ; 1 MiB above, or the same word
    cmp word [PROBE], 2
    jne fail

%ifdef BIOS_REFUSES
    cli
    mov eax, [0x15 * 4]
    mov [bios], eax
    mov word [0x15 * 4], service
    mov word [0x15 * 4 + 2], 0
    sti
%endif
    jmp 0:LOADER_ADDRESS

fail:
    mov dx, DEBUG_EXIT
    mov al, EXIT_FAILED
    out dx, al
    hlt

service:
    cmp ax, 0x2401
    je .refuse
    jmp far [cs:bios]
.refuse:
    mov ah, 0x86                        ; "unsupported function"
    stc
    retf 2                              ; with the carry as it is now

bios: dd 0
packet: db 16, 0, 1, 0
    dw LOADER_ADDRESS, 0
    dq LOADER_LBA
