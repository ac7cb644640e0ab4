; counted.asm: a call of an optimizable function that is counted: it goes on at once, or is measured (measure.h).
;
; Nothing but eax, ecx and edx is touched, which no caller expects to keep, and the results of the function are handed on.

extern measure_begin, measure_end, jit_interpret

; Of jit_function_t (function.h).
%define BASE  4
%define CALLS 8
%define MASK  12

section .text
global jit_counted
jit_counted:                            ; on the stack: the function, the return address, the arguments
    pop eax
    mov ecx, [eax + CALLS]
    inc ecx
    mov [eax + CALLS], ecx
    test ecx, [eax + MASK]
    jz .measure
    jmp [eax + BASE]
.measure:
    mov ecx, esp
    push ecx
    push eax
    call measure_begin                  ; (function, where the return address stands): which code to run
    add esp, 8
    jmp eax

global measured_return
measured_return:                        ; the function returns here instead
    push edx
    push eax
    call measure_end                    ; where it would have returned
    mov ecx, eax
    pop eax
    pop edx
    jmp ecx

global jit_interpreted
jit_interpreted:                        ; on the stack: the function, the return address, the arguments
    pop eax
    lea ecx, [esp + 4]
    push ecx
    push eax
    call jit_interpret                  ; (function, arguments)
    add esp, 8
    ret
