"""Boots of real guests in a real QEMU."""

from __future__ import annotations

import os
import pty
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bfbuild.errors import MachineError
from bfbuild.machine import qemu
from bfbuild.machine.qemu import boot, interactive
from bfbuild.machine.spec import BootSpec
from bfbuild.machine.verdict import Verdict

if TYPE_CHECKING:
    from bfbuild.machine.spec import Wrap
    from tests.machine.conftest import Guest

RECORDS = "@bf boot version=1\r\n@bf ready init_cycles=5\r\nhello\r\n@bf done status=0\r\n"
PANIC = (
    "@bf panic vector=0 name=divide-error eip=0x10234 error=0x0 cr2=0x0 symbol=divide+0x12\n"
    "@bf frame eip=0x10300 symbol=app_main+0x4\n"
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe a guest's last words soon."""
    monkeypatch.setattr(qemu, "GRACE_S", 0.3)


@pytest.mark.parametrize(
    ("text", "ending", "end"),
    [
        (RECORDS, "succeed", (Verdict.OK, 33)),
        ("no", "fail", (Verdict.FAILED, 35)),
        (PANIC, "panic", (Verdict.PANIC, 37)),
        ("@bf booterror reason=bad-checksum\n", "boot-error", (Verdict.BOOT_ERROR, 39)),
        ("what", "babble", (Verdict.FAILED, 2 * 0x55 + 1)),
        ("one moment", "triple-fault", (Verdict.TRIPLE_FAULT, 0)),
        ("", "triple-fault", (Verdict.TRIPLE_FAULT, 0)),
        ("bye", "reset", (Verdict.RESET, 0)),
    ],
)
def test_a_guest_that_ends_itself_is_judged_by_how(
    guest: Guest, qemu_wrap: Wrap, text: str, ending: str, end: tuple[Verdict, int]
) -> None:
    """A boot that ends by itself has the verdict of its end, and QEMU's exit status beside it."""
    run = boot(BootSpec(guest(text, ending)), qemu_wrap)
    assert (run.verdict, run.status) == end
    assert run.stop is None
    assert run.transcript.text == text.replace("\r", "").rstrip("\n")


@pytest.mark.parametrize(
    ("text", "ending", "verdict"),
    [
        ("still here\n", "spin", Verdict.HANG),
        ("still here\n", "halt", Verdict.HANG),
        (PANIC, "halt", Verdict.PANIC),
        ("@bf booterror reason=disk\n", "halt", Verdict.BOOT_ERROR),
        ("@bf done status=0\n", "halt", Verdict.HANG),  # it was told to leave
    ],
)
@pytest.mark.usefixtures("impatient")
def test_a_guest_that_stays_is_ended_in_time(
    guest: Guest, qemu_wrap: Wrap, text: str, ending: str, verdict: Verdict
) -> None:
    """A boot that does not end is ended by us, at once after its last words, at the latest when its time is over."""
    run = boot(BootSpec(guest(text, ending), timeout_s=2), qemu_wrap)
    assert (run.verdict, run.status) == (verdict, None)
    assert run.duration_s < 5


@pytest.mark.parametrize(("said", "verdict"), [("0", Verdict.OK), ("1", Verdict.FAILED)])
@pytest.mark.usefixtures("impatient")
def test_a_guest_that_nobody_waits_for_may_stay(guest: Guest, qemu_wrap: Wrap, said: str, verdict: Verdict) -> None:
    """Without a mode the guest stays in its monitor; what it said of its app is the verdict."""
    run = boot(BootSpec(guest(f"@bf done status={said}\n> ", "halt"), mode=None), qemu_wrap)
    assert run.verdict is verdict


def test_silence_is_noticed_before_the_time_is_over(guest: Guest, qemu_wrap: Wrap) -> None:
    """A guest that prints nothing is ended after silence_s."""
    run = boot(BootSpec(guest("", "spin"), silence_s=1, timeout_s=60), qemu_wrap)
    assert run.verdict is Verdict.SILENT
    assert run.duration_s < 5


def test_a_flood_is_stopped(guest: Guest, qemu_wrap: Wrap, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest that prints without end fills neither the memory nor the time."""
    monkeypatch.setattr(qemu, "OUTPUT_LIMIT", 1 << 10)
    run = boot(BootSpec(guest("again and again, without a line's end. ", "repeat")), qemu_wrap)
    assert run.verdict is Verdict.FLOOD


def test_a_chatty_guest_is_ended_in_time(guest: Guest, qemu_wrap: Wrap) -> None:
    """Talking does not prolong a boot."""
    run = boot(BootSpec(guest("and\n", "repeat"), timeout_s=1), qemu_wrap)
    assert run.verdict is Verdict.HANG
    assert run.duration_s < 4


def test_binary_garbage_hides_no_record(guest: Guest, qemu_wrap: Wrap) -> None:
    """Every byte there is may come before a record, as long as the record has a line of its own."""
    run = boot(BootSpec(guest(bytes(range(256)) + b"\n@bf done status=0\n", "succeed")), qemu_wrap)
    assert run.verdict is Verdict.OK
    assert [record.event for record in run.transcript.records] == ["done"]


def test_lines_are_shown_as_they_come(guest: Guest, qemu_wrap: Wrap) -> None:
    """The caller's function gets every line once, in order, clean, also the last one without its end."""
    lines: list[str] = []
    boot(BootSpec(guest("one\r\n\x1b[1mtwo\x1b[0m\n\nfour", "succeed")), qemu_wrap, lines.append)
    assert lines == ["one", "two", "", "four"]


def test_the_first_line_is_timed(guest: Guest, qemu_wrap: Wrap) -> None:
    """The host's time to the app's first line is a part of the whole, and None where no app began."""
    run = boot(BootSpec(guest(RECORDS, "succeed")), qemu_wrap)
    assert run.ready_s is not None
    assert 0 < run.ready_s <= run.duration_s
    assert boot(BootSpec(guest("no app", "succeed")), qemu_wrap).ready_s is None


def test_deterministic_boots_say_the_same(guest: Guest, qemu_wrap: Wrap) -> None:
    """In deterministic mode a loop takes the same number of cycles in every boot; else no two of three need agree."""
    image = guest("@bf test cycles_in_binary=", "clock")

    def texts(*, deterministic: bool) -> set[str]:
        return {boot(BootSpec(image, deterministic=deterministic), qemu_wrap).transcript.text for _ in range(3)}

    assert len(texts(deterministic=True)) == 1
    assert len(texts(deterministic=False)) > 1


@pytest.mark.parametrize("writable", [False, True])
def test_only_a_writable_boot_changes_the_image(guest: Guest, qemu_wrap: Wrap, writable: bool) -> None:
    """The guest can always write its disk; the image keeps that only where it was allowed."""
    image = guest("writing", "write")
    before = image.read_bytes()
    run = boot(BootSpec(image, writable=writable), qemu_wrap)
    assert run.verdict is Verdict.OK
    after = bytearray(before)
    if writable:
        after[512:1024] = before[:512]  # the guest copies itself to the second sector
    assert image.read_bytes() == after


def test_a_read_only_image_boots(guest: Guest, qemu_wrap: Wrap) -> None:
    """An image that nobody may write, as in the store, boots, in a folder whose name needs quoting."""
    image = guest("writing", "write")
    folder = image.parent / "a folder, with = signs"
    folder.mkdir()
    image = image.rename(folder / "disk,format=qcow2.img")
    image.chmod(0o444)
    assert boot(BootSpec(image), qemu_wrap).verdict is Verdict.OK


def test_a_bad_option_is_reported_in_qemus_words(guest: Guest, qemu_wrap: Wrap) -> None:
    """Where QEMU refuses its command line, the error holds what it said."""
    run = boot(BootSpec(guest("", "halt"), extra=("-no-such-option",)), qemu_wrap)
    assert run.verdict is Verdict.QEMU_ERROR
    with pytest.raises(MachineError, match="QEMU failed") as caught:
        run.require_ok()
    assert "invalid option" in dict(caught.value.facts)["QEMU says"]


def test_a_missing_image_is_an_error_before_qemu_starts(tmp_path: Path) -> None:
    """A path to nothing, or to a folder, is refused without starting anything."""
    for image, found in ((tmp_path / "none.img", "nothing"), (tmp_path, "no file")):
        with pytest.raises(MachineError, match="there is no image") as caught:
            boot(BootSpec(image), lambda _argv, _binds: pytest.fail("started"))
        assert ("found", found) in caught.value.facts


def test_a_missing_qemu_is_an_error(guest: Guest, qemu_wrap: Wrap) -> None:
    """Without QEMU, or without the sandbox that should start it, there is an error that names the program."""
    with pytest.raises(MachineError, match="QEMU cannot be started") as caught:
        boot(BootSpec(guest("", "halt")), lambda _argv, _binds: ["/nowhere/qemu"])
    assert ("program", "/nowhere/qemu") in caught.value.facts
    run = boot(BootSpec(guest("", "halt")), lambda argv, binds: qemu_wrap(["no-such-qemu", *argv[1:]], binds))
    assert run.verdict is Verdict.QEMU_ERROR
    assert "no-such-qemu" in run.complaints


def _running(token: str) -> list[int]:
    """Return the processes whose command line holds `token`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if token.encode() in line:
            found.append(int(folder.name))
    return found


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def _on_terminal(work: Callable[[], object]) -> Iterator[tuple[int, int]]:
    """Do `work` in a child with a terminal of its own; give the child's process and our end of its terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            result = work()
            os._exit(result if isinstance(result, int) else 0)
        except KeyboardInterrupt:
            os._exit(130)
        finally:
            os._exit(99)
    try:
        yield pid, terminal
    finally:
        os.close(terminal)


def _print(line: str) -> None:
    os.write(1, line.encode())


def _read_until(terminal: int, expected: bytes) -> bytes:
    text = b""
    while expected not in text:
        text += os.read(terminal, 1024)
    return text


def test_no_process_is_left_when_a_callers_function_fails(guest: Guest, qemu_wrap: Wrap) -> None:
    """An exception in on_line reaches the caller, and QEMU is gone by then."""
    token = f"exception-{os.getpid()}"

    def fail(line: str) -> None:
        assert _running(token), line
        raise ValueError(line)

    with pytest.raises(ValueError, match="hello"):
        boot(BootSpec(guest("hello\n", "spin"), args=token), qemu_wrap, fail)
    assert not _running(token)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where boots make theirs."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_ctrl_c_leaves_nothing(guest: Guest, qemu_wrap: Wrap, scratch: Path) -> None:
    """Ctrl-C in the middle of a boot ends it with KeyboardInterrupt; QEMU and the scratch folder are gone."""
    token = f"ctrl-c-{os.getpid()}"
    spec = BootSpec(guest("hello\n", "spin"), args=token)
    with _on_terminal(lambda: boot(spec, qemu_wrap, _print)) as (pid, terminal):
        _read_until(terminal, b"hello")
        assert _running(token)
        os.write(terminal, b"\x03")
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert not _running(token)
    assert not list(scratch.iterdir())


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize(
    "start", [lambda spec, wrap: boot(spec, wrap, _print), interactive], ids=["boot", "interactive"]
)
def test_kill_9_leaves_no_process(guest: Guest, qemu_wrap: Wrap, start: Callable[[BootSpec, Wrap], object]) -> None:
    """Not even our own violent death leaves a QEMU behind."""
    token = f"kill-9-{os.getpid()}"
    spec = BootSpec(guest("hello\n", "spin"), args=token)
    with _on_terminal(lambda: start(spec, qemu_wrap)) as (pid, terminal):
        _read_until(terminal, b"hello")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert _until(lambda: not _running(token))


def test_an_interactive_boot_that_fails_leaves_no_process(guest: Guest, qemu_wrap: Wrap) -> None:
    """An interrupt that reaches us and not the guest, as an editor's stop button sends it, ends QEMU too."""
    token = f"interrupt-{os.getpid()}"
    spec = BootSpec(guest("hello\n", "spin"), args=token)
    with _on_terminal(lambda: interactive(spec, qemu_wrap)) as (pid, terminal):
        _read_until(terminal, b"hello")
        os.kill(pid, signal.SIGINT)
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert _until(lambda: not _running(token))


def test_an_interactive_boot_is_left_by_its_keys(guest: Guest, qemu_wrap: Wrap) -> None:
    """The guest's text is on the terminal, Ctrl-C goes to the guest, Ctrl-A X leaves with 0."""
    spec = BootSpec(guest("monitor> ", "halt"), mode=None, timeout_s=1)
    with _on_terminal(lambda: interactive(spec, qemu_wrap)) as (pid, terminal):
        _read_until(terminal, b"monitor> ")
        os.write(terminal, b"\x03")
        time.sleep(0.3)
        assert os.waitpid(pid, os.WNOHANG) == (0, 0)
        os.write(terminal, b"\x01x")
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_an_interactive_guest_gives_its_verdict(guest: Guest, qemu_wrap: Wrap) -> None:
    """A guest that ends by itself gives 0 for success, else QEMU's exit status."""
    for ending, expected in (("succeed", 0), ("panic", 37)):
        spec = BootSpec(guest("bye", ending))
        with _on_terminal(lambda spec=spec: interactive(spec, qemu_wrap)) as (pid, terminal):  # type: ignore[misc]
            _read_until(terminal, b"bye")
            _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == expected
