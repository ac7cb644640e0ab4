; entry.asm: the kernel's first instructions. Stage 2 jumps here in protected mode, as it describes.
;
; Notes the cycle counter, takes a descriptor table and a stack of its own, clears .bss and calls kernel_main, which
; gets the counter and never returns.

%include "layout.inc"

; What the linker script needs to know of the layout.
global layout_kernel_code, layout_kernel_capacity, layout_stack_top
layout_kernel_code     equ BF_KERNEL_ADDRESS + BF_KERNEL_HEADER_SIZE
layout_kernel_capacity equ BF_KERNEL_SECTORS * BF_SECTOR_SIZE - BF_KERNEL_HEADER_SIZE
layout_stack_top       equ BF_STACK_TOP

%define CODE_SELECTOR 8                 ; interrupts.c puts it into its gates
%define DATA_SELECTOR 16

extern kernel_main, bss_start, bss_end

section .text.entry
global kernel_entry
kernel_entry:
    rdtsc
    mov esi, eax
    mov ebx, edx
    lgdt [gdt_pointer]
    jmp CODE_SELECTOR:.reload
.reload:
    mov eax, DATA_SELECTOR
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov esp, BF_STACK_TOP
    cld
    mov edi, bss_start
    mov ecx, bss_end
    sub ecx, edi
    shr ecx, 2
    xor eax, eax
    rep stosd
    xor ebp, ebp                        ; where a backtrace ends
    push ebp
    push ebp                            ; keeps the stack aligned to 16 at the call
    push ebx
    push esi
    call kernel_main

section .data
align 8
gdt:
    dq 0
    dq 0x00CF9B000000FFFF               ; code: base 0, 4 GiB, ring 0, accessed
    dq 0x00CF93000000FFFF               ; data: the same
global gdt_thread
gdt_thread:
    dq 0                                ; the thread area of a program for Linux (thread_area.c)
global gdt_tasks
gdt_tasks:
    dq 0, 0                             ; double_fault.c
gdt_pointer:
    dw $ - gdt - 1
    dd gdt
