; entry.asm: the twin's first instructions, and its way into Linux.
;
; Notes the cycle counter, gets its memory, takes a stack where a kernel has it and calls kernel_main, which gets the
; counter and never returns.

%include "layout.inc"

; What the linker script needs to know of the layout.
global layout_kernel_address, layout_stack_top
layout_kernel_address equ BF_KERNEL_ADDRESS
layout_stack_top      equ BF_STACK_TOP

extern constructors_start, constructors_end, twin_begin, kernel_main

section .text.entry
global twin_entry
twin_entry:
    rdtsc
    mov esi, eax
    mov ebx, edx
    mov ecx, esp                        ; argc, then argv
    xor ebp, ebp                        ; where a backtrace ends
    and esp, -16
    sub esp, 12
    push ecx
    mov edi, constructors_start         ; a compiler that watches the program has some
.next:
    cmp edi, constructors_end
    jae .constructed
    call [edi]
    add edi, 4
    jmp .next
.constructed:
    call twin_begin
    mov esp, BF_STACK_TOP
    push ebp
    push ebp                            ; keeps the stack aligned to 16 at the call
    push ebx
    push esi
    call kernel_main

section .text
global system_call
system_call:                            ; int32_t system_call(number, a, b, c, d, e, f)
    push ebp
    push ebx
    push esi
    push edi
    mov eax, [esp + 20]
    mov ebx, [esp + 24]
    mov ecx, [esp + 28]
    mov edx, [esp + 32]
    mov esi, [esp + 36]
    mov edi, [esp + 40]
    mov ebp, [esp + 44]
    int 0x80
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret

global signal_return
signal_return:                          ; where a signal's handler returns to
    mov eax, 173                        ; rt_sigreturn
    int 0x80
