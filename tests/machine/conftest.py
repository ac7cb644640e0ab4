"""Guests for the tests: boot sectors that say what a test gives them, then end as the test wants.

They are real code on a real (emulated) PC, and share nothing with our guest but the serial port and the exit port.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Tool = Callable[..., "CompletedProcess[str]"]
Guest = Callable[..., Path]

DISK_SIZE = 1 << 20

# What a guest does after it spoke: one piece of 16-bit code for each way to end.
ENDINGS = {
    "succeed": "mov dx, 0xf4\n mov al, 0x10\n out dx, al\n hlt",
    "fail": "mov dx, 0xf4\n mov al, 0x11\n out dx, al\n hlt",
    "panic": "mov dx, 0xf4\n mov al, 0x12\n out dx, al\n hlt",
    "boot-error": "mov dx, 0xf4\n mov al, 0x13\n out dx, al\n hlt",
    "babble": "mov dx, 0xf4\n mov al, 0x55\n out dx, al\n hlt",
    "halt": "cli\n hlt",
    "spin": "jmp $",
    "repeat": "jmp start",
    "triple-fault": "lidt [nothing]\n int3",
    "reset": "mov al, 0xfe\n out 0x64, al\n hlt",
    "clock": "cli\n rdtsc\n mov ebp, eax\n mov cx, 1000\n loop $\n rdtsc\n sub eax, ebp\n call number\n"
    "mov dx, 0xf4\n mov al, 0x10\n out dx, al\n hlt",
    "write": "mov ax, 0x0301\n mov cx, 2\n xor dh, dh\n mov dl, 0x80\n mov bx, 0x7c00\n int 0x13\n"
    "mov dx, 0xf4\n mov al, 0x10\n out dx, al\n hlt",
}

SOURCE = """
bits 16
org 0x7c00
start:
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7c00
    mov si, text
    mov cx, text.end - text
    jcxz end
.next:
    lodsb
    mov dx, 0x3f8
    out dx, al
    mov ah, 0x0e            ; the same on the screen
    xor bx, bx
    int 0x10
    loop .next
end:
{ending}
.stay:
    hlt
    jmp .stay
number:                     ; eax as 32 binary digits
    mov cx, 32
    mov dx, 0x3f8
    mov ebx, eax
.digit:
    rol ebx, 1
    mov al, bl
    and al, 1
    add al, '0'
    out dx, al
    loop .digit
    ret
nothing: times 6 db 0
text: incbin "{text}"
.end:
times 510-($-$$) db 0
dw 0xaa55
"""


@pytest.fixture
def nasm(tool: Tool, tmp_path: Path) -> Callable[[str], bytes]:
    """Assemble a source text to plain bytes."""

    def assemble(source: str) -> bytes:
        (tmp_path / "guest.asm").write_text(source)
        made = tool("nasm", "-f", "bin", "-o", str(tmp_path / "guest.bin"), str(tmp_path / "guest.asm"))
        assert made.returncode == 0, made.stderr
        return (tmp_path / "guest.bin").read_bytes()

    return assemble


@pytest.fixture
def disk(nasm: Callable[[str], bytes], tmp_path: Path) -> Guest:
    """Make a disk image that boots an assembler source."""

    def make(source: str) -> Path:
        image = tmp_path / "guest.img"
        image.write_bytes(nasm(source).ljust(DISK_SIZE, b"\0"))
        return image

    return make


@pytest.fixture
def guest(disk: Guest, tmp_path: Path) -> Guest:
    """Make a disk image whose guest says `text` on the serial port and the screen, and ends as ENDINGS names it."""

    def make(text: str | bytes, ending: str) -> Path:
        (tmp_path / "text").write_bytes(text.encode() if isinstance(text, str) else text)
        return disk(SOURCE.format(ending=ENDINGS[ending], text=tmp_path / "text"))

    return make
