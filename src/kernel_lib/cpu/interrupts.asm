; interrupts.asm: the first instructions of every interrupt: one stub a vector, which make all frames look alike
; (interrupt_frame_t of interrupts.h) and call interrupt_dispatch(frame); and what C has no instruction for.

%define VECTORS 49                      ; VECTOR_COUNT of interrupts.h

extern interrupt_dispatch

section .text
%assign vector 0
%rep VECTORS
stub_%+vector:
    %if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && vector != 29 && vector != 30
        push byte 0                     ; the processor pushes no error code here
    %endif
    push byte vector
    jmp interrupt_common
    %assign vector vector + 1
%endrep

global system_call_stub
system_call_stub:                       ; SYSTEM_CALL_VECTOR of interrupts.h
    push byte 0
    push dword 128
    jmp interrupt_common

interrupt_common:
    pusha
    cld
    mov eax, esp
    push dword [esp + 40]               ; a frame as a called function has it: a backtrace goes on where the interrupt
    push ebp                            ; came, at the eip that the processor pushed
    mov ebp, esp
    push eax
    call interrupt_dispatch
    add esp, 12
    popa
    add esp, 8                          ; vector and error code
    iret

section .text.interrupts_are_on         ; of its own: the JIT alone asks
global interrupts_are_on
interrupts_are_on:
    pushf
    pop eax
    shr eax, 9
    and eax, 1
    ret

section .rodata
global interrupt_stubs
interrupt_stubs:                        ; void *const interrupt_stubs[VECTOR_COUNT]
%assign vector 0
%rep VECTORS
    dd stub_%+vector
    %assign vector vector + 1
%endrep
