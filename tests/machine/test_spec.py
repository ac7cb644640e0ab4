"""QEMU's command line for a boot."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.errors import MachineError
from bfbuild.machine.qemu import boot
from bfbuild.machine.spec import BootSpec, command

if TYPE_CHECKING:
    from bfbuild.machine.spec import Wrap
    from tests.machine.conftest import Guest

# Finds each file of QEMU's firmware configuration device whose name starts with "opt/b" and sends "NAME=CONTENT" and a
# line's end. The directory (QEMU, docs/specs/fw_cfg) has a big-endian count, then entries of size, key, 2 bytes, name.
FW_CFG = """
bits 16
org 0x7c00
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7c00
    mov bp, found
    cld
    mov ax, 0x19            ; the directory
    mov dx, 0x510
    out dx, ax
    mov di, entry
    mov cx, 4
    call read
    mov si, [entry+2]
    xchg si, ax
    xchg ah, al
    xchg si, ax             ; the number of entries
.entry:
    mov di, entry
    mov cx, 64
    call read
    cmp dword [entry+8], 'opt/'
    jne .skip
    push si
    mov si, entry
    mov di, bp
    mov cx, 64
    rep movsb
    mov bp, di
    pop si
.skip:
    dec si
    jnz .entry
    mov bx, found
.file:
    cmp bx, bp
    je .done
    lea si, [bx+8]
.name:
    lodsb
    test al, al
    jz .content
    call send
    jmp .name
.content:
    mov al, '='
    call send
    mov ax, [bx+4]
    xchg ah, al
    mov dx, 0x510
    out dx, ax
    mov cx, [bx+2]
    xchg ch, cl
.byte:
    mov dx, 0x511
    in al, dx
    call send
    loop .byte
    mov al, 10
    call send
    add bx, 64
    jmp .file
.done:
    mov dx, 0xf4
    mov al, 0x10
    out dx, al
    hlt
send:
    mov dx, 0x3f8
    out dx, al
    ret
read:
    mov dx, 0x511
    rep insb
    ret
times 510-($-$$) db 0
dw 0xaa55
entry equ 0x8000
found equ 0x8100
"""


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (BootSpec(Path(), mode=None), ""),
        (BootSpec(Path(), mode="bench"), "opt/bareflow/mode=bench"),
        (
            BootSpec(Path(), args="say 'a,b',,c=d \\"),
            "opt/bareflow/args=say 'a,b',,c=d \\\nopt/bareflow/mode=run",
        ),
    ],
)
def test_mode_and_arguments_reach_the_guest(disk: Guest, qemu_wrap: Wrap, spec: BootSpec, said: str) -> None:
    """The guest reads them from the firmware configuration device, byte for byte; what is not given is not there."""
    run = boot(BootSpec(disk(FW_CFG), mode=spec.mode, args=spec.args), qemu_wrap).require_ok()
    assert run.transcript.text == said


@pytest.mark.parametrize(
    ("spec", "option", "value"),
    [
        (BootSpec(Path()), "-m", "128"),
        (BootSpec(Path(), memory_mib=16), "-m", "16"),
        (BootSpec(Path(), cpu="max"), "-cpu", "max"),
        (BootSpec(Path()), "-drive", "file=/work/disk.img,format=raw,if=ide,snapshot=on"),
        (BootSpec(Path(), writable=True), "-drive", "file=/work/disk.img,format=raw,if=ide,snapshot=off"),
        (BootSpec(Path(), deterministic=True), "-icount", "shift=0,sleep=off"),
        (BootSpec(Path(), deterministic=True), "-rtc", "base=2000-01-01,clock=vm"),
        (BootSpec(Path()), "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"),
        (BootSpec(Path(), extra=("-d", "int")), "-d", "int"),
    ],
)
def test_a_wish_becomes_an_option(spec: BootSpec, option: str, value: str) -> None:
    """Each field of a spec has its place on the command line."""
    assert (option, value) in pairwise(command(spec, ("-serial", "stdio")))


def test_the_command_line_does_not_name_the_image() -> None:
    """Equal boots of images anywhere have equal command lines."""
    assert command(BootSpec(Path("/here/a.img")), ()) == command(BootSpec(Path("/there/b.img")), ())


@pytest.mark.parametrize("args", ["two\nlines", "a\0b", "\x1b[1m"])
def test_arguments_are_one_line(tmp_path: Path, args: str) -> None:
    """What is no line of text is refused before anything starts."""
    image = tmp_path / "disk.img"
    image.touch()
    with pytest.raises(MachineError, match="one line of text"):
        BootSpec(image, args=args).check()
