"""docs/remote.md says what is: its settings, its server and its options are those of the program and of the tests."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from bfbuild.config import RemoteSection
from tests.remote import servers


@pytest.fixture(scope="module")
def guide(repository: Path) -> str:
    """The page."""
    return (repository / "docs/remote.md").read_text(encoding="utf-8")


def test_every_setting_is_in_the_table(guide: str) -> None:
    """The table of settings has each key of [remote], and no other."""
    table = guide.split("## Settings", 1)[1].split("\n\nPaths", 1)[0]
    named = {
        key for row in table.splitlines() if row.startswith("| `") for key in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert named == set(RemoteSection.model_fields)


def test_the_server_is_the_one_of_the_tests(guide: str) -> None:
    """The package that the three commands install is locked for the tests, in that version."""
    [package] = re.findall(r"pip install --no-deps (\S+)", guide)
    assert f"{package} " in servers.LOCK.read_text(encoding="utf-8")


def test_the_server_has_the_options(guide: str) -> None:
    """The programs take the options that the commands give them."""
    told = subprocess.run([servers.buildbox() / "buildbox-casd", "--help"], capture_output=True, text=True, check=False)
    commands = re.findall(r"^    .*buildbox-casd(?:.*\\\n)*.*$", guide, re.MULTILINE)
    options = {option for command in commands for option in re.findall(r"(--[a-z-]+)=", command)}
    assert options == {"--bind", "--quota-high", "--jobs", "--buildbox-run"}
    assert all(f"   {option} " in told.stdout + told.stderr for option in options)


def test_links_lead_somewhere(guide: str) -> None:
    """Each link within the page has its heading."""
    headings = re.findall(r"^## (.*)$", guide, re.MULTILINE)
    places = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\(#([\w-]+)\)", guide)) <= places
