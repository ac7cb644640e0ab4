; switch.asm: to the stack of the compiler module and back; switch.h tells how it is used.

section .text
global stack_switch
stack_switch:                           ; uint32_t stack_switch(uint32_t function, uint32_t argument, uint32_t stack)
    push ebp
    push ebx
    push esi
    push edi
    pushf
    mov eax, [esp + 24]
    mov ecx, [esp + 28]
    mov edx, [esp + 32]
    mov [outer_stack], esp
    mov esp, edx
    push ecx
    xor ebp, ebp                        ; where a backtrace ends
    call eax
    jmp stack_return.with_eax

global stack_enter
stack_enter:                            ; uint32_t stack_enter(uint32_t program, uint32_t stack)
    push ebp
    push ebx
    push esi
    push edi
    pushf
    mov eax, [esp + 24]
    mov ecx, [esp + 28]
    mov [outer_stack], esp
    mov esp, ecx
    xor edx, edx                        ; no function to be called at the program's end
    xor ebp, ebp
    jmp eax

global stack_return
stack_return:                           ; _Noreturn void stack_return(uint32_t answer)
    mov eax, [esp + 4]
.with_eax:
    mov esp, [outer_stack]
    popf                                ; interrupts as they were
    cld
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret

section .bss
align 4
outer_stack: resd 1
