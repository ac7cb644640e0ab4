"""Licences of Debian's copyright files, as SPDX has them."""

from __future__ import annotations

import pytest

from bfbuild.release.licences import expression, licences

DEP5 = """\
Format: copyright-format/1.0
Upstream-Name: thing

Files: *
Copyright: 2020 Somebody
License: GPL-2+ or Artistic

Files: debian/*
Copyright: 2021 Somebody else
License: Expat

License: BSD-3-clause
 A text that no file is under.
"""


@pytest.mark.parametrize(
    ("name", "spdx"),
    [
        ("Expat", "MIT"),
        ("GPL-2+", "GPL-2.0-or-later"),
        ("LGPLv2.1+", "LGPL-2.1-or-later"),
        ("GPL-3", "GPL-3.0-only"),
        ("GPL-2.0", "GPL-2.0-only"),
        ("GPL-1+ or Artistic, and Expat", "(GPL-1.0-or-later OR Artistic-1.0-Perl) AND MIT"),
        ("APACHE-2-LLVM-EXCEPTIONS", "Apache-2.0 WITH LLVM-exception"),
        ("GPL-2+ with Autoconf exception", "LicenseRef-GPL-2-plus-with-Autoconf-exception"),
        ("???", "LicenseRef-unnamed"),
    ],
)
def test_a_short_name_becomes_an_spdx_expression(name: str, spdx: str) -> None:
    """Names that SPDX has are its own, with their words joined as DEP-5 means them; others are LicenseRefs."""
    assert expression(name) == spdx


def test_a_machine_readable_file_says_what_its_files_are_under() -> None:
    """Only licences of `Files` paragraphs count, not texts that stand there alone."""
    assert licences(DEP5, "thing") == ("GPL-2.0-or-later OR Artistic-1.0-Perl", "MIT")


def test_another_file_is_a_licence_by_itself() -> None:
    """Nothing is guessed from prose."""
    assert licences("This is under the GPL, see /usr/share/common-licenses/GPL-2.\n", "thing") == (
        "LicenseRef-thing-copyright",
    )
