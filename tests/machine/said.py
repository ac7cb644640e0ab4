"""What a guest that optimizes itself says in the three boots of a bench, as short as it can be, and that bench."""

from __future__ import annotations

from pathlib import Path

from bfbuild.machine.boots import boots
from bfbuild.machine.figures import Benched, Boot, sizes_of
from bfbuild.machine.spec import BootSpec
from bfbuild.machine.transcript import parse

AOT = b"""\
@bf ready init_cycles=500
@bf event at=0 sectors=0 what=entry name=program
@bf test name=now:fib cycles=9000 calls=9 result=34
@bf test name=now:slow cycles=500 calls=5 result=3
@bf event at=20000 sectors=0 what=done name=program
@bf overhead cycles=0
"""
FIRST = b"""\
@bf ready init_cycles=500
@bf event at=0 sectors=0 what=entry name=program
@bf event at=100 sectors=0 what=start name=jit
@bf event at=1100 sectors=7 what=started name=jit
@bf overhead cycles=38
@bf event at=2000 sectors=8 what=load name=compiler
@bf event at=6000 sectors=1008 what=loaded name=compiler
@bf event at=6000 sectors=1008 what=compile name=fib
@bf event at=9000 sectors=1008 what=compiled name=fib
@bf event at=9000 sectors=1008 what=tried name=fib
@bf event at=9100 sectors=1008 what=compile name=slow
@bf event at=9600 sectors=1008 what=compiled name=slow
@bf event at=9600 sectors=1008 what=tried name=slow
@bf calls at=9700 name=fib n=150 count=50 cycles=60000
@bf event at=9800 sectors=1008 what=optimized name=fib
@bf event at=9900 sectors=1010 what=rejected name=slow
@bf test name=now:fib cycles=900 calls=9 result=34
@bf test name=now:slow cycles=500 calls=5 result=3
@bf event at=30000 sectors=1010 what=done name=program
@bf optimized name=fib state=optimized from=here calls=200 before=1000 after=100 per_mille=100 value=1 share=9
@bf optimized name=slow state=rejected from=here calls=200 before=100 after=110 per_mille=1100 value=1 share=9
@bf optimized name=idle state=counted from=here calls=3 before=0 after=0 per_mille=0 value=0 share=0
"""
WARM = b"""\
@bf ready init_cycles=500
@bf event at=0 sectors=0 what=entry name=program
@bf event at=100 sectors=0 what=start name=jit
@bf event at=300 sectors=9 what=optimized name=fib
@bf event at=400 sectors=9 what=rejected name=slow
@bf event at=500 sectors=9 what=started name=jit
@bf overhead cycles=38
@bf test name=now:fib cycles=900 calls=9 result=34
@bf test name=now:slow cycles=500 calls=5 result=3
@bf event at=15000 sectors=9 what=done name=program
@bf optimized name=fib state=optimized from=disk calls=0 before=1000 after=100 per_mille=100 value=0 share=0
@bf optimized name=slow state=rejected from=disk calls=0 before=100 after=110 per_mille=1100 value=0 share=0
@bf optimized name=idle state=counted from=here calls=3 before=0 after=0 per_mille=0 value=0 share=0
"""


def booted(tmp_path: Path, *said: bytes) -> tuple[Boot, ...]:
    """The boots of an image whose guest says this, one after the other."""
    (tmp_path / "disk.img").write_bytes(b"a disk")
    answers = iter(said)
    return boots(BootSpec(tmp_path / "disk.img", mode="bench"), lambda _spec, _which: parse(next(answers)))


def twin(tmp_path: Path, *said: bytes) -> Benched:
    """The run of a guest that optimizes itself."""
    return Benched(name="twin", sizes=sizes_of({"kernel": 10}), boots=booted(tmp_path, *said))
