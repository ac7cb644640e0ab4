; start.asm: the kernel's first instructions. The boot sector jumps here; C begins once its .bss is clear.

    bits 32
    global start
    extern bss_start, bss_end, kernel_main

    section .text.start
start:
    xor eax, eax
    mov edi, bss_start
    mov ecx, bss_end
    sub ecx, edi
    rep stosb
    call kernel_main
    out 0xF4, al                        ; QEMU ends with the status 2 * AL + 1; a real PC has no such port
.halt:
    hlt
    jmp .halt
