"""What becomes of the bytes of a serial port."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bfbuild.errors import MachineError
from bfbuild.machine import transcript
from bfbuild.machine.transcript import Problem, Reader, Record, parse


@pytest.mark.parametrize(
    ("line", "event", "fields"),
    [
        ("@bf booted", "booted", {}),
        ("@bf done status=0", "done", {"status": "0"}),
        ("@bf test name=sum_to_n cycles=12 result=-1", "test", {"name": "sum_to_n", "cycles": "12", "result": "-1"}),
        ("@bf frame eip=0x10 symbol=a=b+0x4", "frame", {"eip": "0x10", "symbol": "a=b+0x4"}),  # the first = parts
    ],
)
def test_a_whole_line_with_the_mark_is_a_record(line: str, event: str, fields: dict[str, str]) -> None:
    """A record is read field by field, and stays in the text."""
    said = parse(f"before\n{line}\n".encode())
    assert said.records == (Record(event, fields, line=2),)
    assert (said.text, said.problems) == (f"before\n{line}", ())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("@bf", "a record has no event"),
        ("@bf ", "a record has no event"),
        ("@bf Boot", "a record has no event"),
        ("@bf status=0", "a record has no event"),
        ("@bf done  status=0", "a record holds '', which is not key=value"),
        ("@bf done status=0 ", "a record holds '', which is not key=value"),
        ("@bf done status", "a record holds 'status', which is not key=value"),
        ("@bf done status=", "a record holds 'status=', which is not key=value"),
        ("@bf test name=é", "a record holds 'name=é', which is not key=value"),
        ("@bf test a=1 a=1", "a record has a field twice"),
        ("> @bf done status=0", "a record starts behind other text"),
    ],
)
def test_a_broken_record_is_reported_and_is_no_record(line: str, why: str) -> None:
    """What breaks the grammar is a problem with its line and reason; the rest is read as ever."""
    said = parse(f"{line}\n@bf good\n".encode())
    assert said.problems == (Problem(1, line, why),)
    assert [record.event for record in said.records] == ["good"]


@pytest.mark.parametrize("line", ["a @bfine mess", "user@bf.example", "bf done status=0", "@bfdone status=0", ""])
def test_other_text_is_no_record(line: str) -> None:
    """Text that only looks a little like a record is text."""
    said = parse(f"{line}\n".encode())
    assert (said.records, said.problems, said.text) == ((), (), line)


@pytest.mark.parametrize("cut", range(1, len("@bf done status=0")))
def test_a_record_that_was_cut_is_never_believed(cut: int) -> None:
    """A guest that dies while it writes must not seem to have said something else."""
    assert parse(b"@bf done status=0"[:cut]).records == ()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\x1b[2J\x1b[1;31mred\x1b[0m\n", "red"),
        (b"\x1b]0;title\x07after a title\n", "after a title"),
        (b"one\r\ntwo\r\r\n", "one\ntwo"),
        (b"bell\x07 null\x00 tab\there\n", "bell null tab\there"),
        (b"half of an escape \x1b[3", "half of an escape [3"),
        (b"\xff\xfe\n", "\ufffd\ufffd"),
        ("gr\u00fc\u00dfe \u2192\n".encode(), "gr\u00fc\u00dfe \u2192"),
        (b"", ""),
    ],
)
def test_text_is_made_safe_to_show(raw: bytes, text: str) -> None:
    """Nothing that a guest prints can move a cursor or ring a bell on our side."""
    assert parse(raw).text == text


@given(st.binary(max_size=400))
def test_any_bytes_are_a_transcript(data: bytes) -> None:
    """No bytes raise, and none leave a control character in the text."""
    said = parse(data)
    assert all(character in "\n\t" or character.isprintable() or ord(character) > 0x9F for character in said.text)


pieces = st.lists(
    st.one_of(st.binary(max_size=20), st.sampled_from([b"\r\n", b"\n", b"@bf ", b"@bf done status=0\n", b"\x1b[1m"]))
)


@given(pieces, st.lists(st.integers(0, 400)))
def test_lines_do_not_depend_on_how_the_bytes_were_cut(parts: list[bytes], cuts: list[int]) -> None:
    """A stream in any pieces gives the transcript of the whole, and each line exactly once."""
    data = b"".join(parts)
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    reader = Reader()
    lines = [line for start, end in pairwise(edges) for line in reader.feed(data[start:end])]
    lines += reader.flush()
    assert reader.transcript() == parse(data)
    assert "\n".join(lines) == parse(data).text


words = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12)
noise = st.text(st.characters(codec="utf-8", exclude_characters="\n@"), max_size=20)


@given(st.lists(st.tuples(words, st.dictionaries(words, values, max_size=4), noise), max_size=6))
def test_records_survive_noise_between_them(said: list[tuple[str, dict[str, str], str]]) -> None:
    """Whatever is printed between records, as long as they have lines of their own, they come out as they went in."""
    data = "".join(
        f"{between}\r\n{' '.join(['@bf', event, *(f'{key}={value}' for key, value in fields.items())])}\r\n"
        for event, fields, between in said
    )
    assert [(record.event, record.fields) for record in parse(data.encode()).records] == [
        (event, fields) for event, fields, _ in said
    ]


def test_a_line_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest that never ends its line cannot fill the memory before it is seen."""
    monkeypatch.setattr(transcript, "LINE_LIMIT", 4)
    reader = Reader()
    assert reader.feed(b"abcdefghij") == ["abcd", "efgh"]
    assert reader.feed(b"kl\n1234\n") == ["ijkl", "1234"]


def test_fields_are_asked_for_by_name() -> None:
    """Numbers are decimal or hexadecimal; a missing or other field is an error that says what there is."""
    record = Record("boot", {"entry_tsc": "0x10", "version": "-1", "name": "x"}, line=3)
    assert (record.number("entry_tsc"), record.number("version"), record.text("name")) == (16, -1, "x")
    with pytest.raises(MachineError, match="has no field 'entry'") as missing:
        record.number("entry")
    assert missing.value.hint == "is 'entry_tsc' meant?"
    with pytest.raises(MachineError, match="holds no number") as other:
        record.number("name")
    assert ("field", "name=x") in other.value.facts


def test_one_means_one() -> None:
    """Asking for the only record of an event fails where there is none or a second, and shows what broke."""
    said = parse(b"@bf a\n@bf b n=1\n@bf b n=2\n@bf c n\n")
    assert said.one("a").line == 1
    assert [record.number("n") for record in said.all("b")] == [1, 2]
    with pytest.raises(MachineError, match="said 'b' 2 times instead of once"):
        said.one("b")
    with pytest.raises(MachineError, match="never said 'c'") as missing:
        said.one("c")
    assert dict(missing.value.facts)["broken"].startswith("line 4: a record holds 'n'")


def test_the_tail_skips_empty_lines() -> None:
    """A person sees the last lines that say something."""
    assert parse(b"one\n\ntwo\n  \nthree\n\n").tail(2) == "two\nthree"


def test_a_line_is_seen_while_it_is_being_said() -> None:
    """What there is of a line can be asked for at any time; half a character of it is waited for."""
    reader = Reader()
    reader.feed(b"Hello\nwor")
    assert reader.begun == "wor"
    reader.feed("ld \N{SNOWMAN}".encode()[:-1])
    assert reader.begun == "world "
    reader.feed("\N{SNOWMAN}".encode()[-1:])
    assert reader.begun == "world \N{SNOWMAN}"
    reader.feed(b"\n")
    assert reader.begun == ""
