"""Test guests as twins: `NAME.twin` is the app of `NAME.img`."""

from pathlib import PurePosixPath

from bfbuild import CObject
from guest_tests import apps
from jit_tests import apps as jit_apps
from jit_tests import functions, optimize
from twin import twin

# Those that need nothing but what Linux gives a program, too.
GUESTS = (
    *("arguments", "fail", "features", "format", "heap", "maths64", "profile", "strings", "timer"),
    *("panic_assertion", "panic_divide", "panic_double_free", "panic_opcode", "panic_trace"),
)
by_name: dict[str, CObject] = {PurePosixPath(str(app.source)).stem: app for app in apps}
for name in GUESTS:
    twin(f"guest/{name}", (by_name[name],))
twin("jit/optimize", (optimize, functions))
twin("jit/faults", (jit_apps["faults"],))
