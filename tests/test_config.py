"""bareflow.toml and the environment: defaults for everything, and errors that show the user's key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bfbuild.config import Config, find_root, load, parse_size
from bfbuild.errors import BareflowError, ConfigError, Errors, render


def read(folder: Path, text: str, **environment: str) -> Config:
    """Load a configuration."""
    (folder / "bareflow.toml").write_text(text)
    return load(folder, environment)


def complaint(folder: Path, text: str, **environment: str) -> str:
    """Return how the error of a configuration is shown."""
    with pytest.raises(BareflowError) as problem:
        read(folder, text, **environment)
    assert isinstance(problem.value, ConfigError | Errors)
    return render(problem.value, base=folder)


def test_an_empty_file_is_a_whole_configuration(tmp_path: Path) -> None:
    """Every key has a default; folders are the project's own; the first day is one that FAT can express."""
    config = read(tmp_path, "")
    assert (config.cache_dir, config.lock_path) == (tmp_path / "cache", tmp_path / "bareflow.lock")
    assert (config.jobs, config.mirrors, config.sandbox) == (len(os.sched_getaffinity(0)), (), "auto")
    assert (config.source_date_epoch, config.version) == (315_532_800, "development")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """Each variable overrides its key, for one command; several mirrors may be given."""
    config = read(
        tmp_path,
        '[build]\njobs = 3\n[store]\npath = "elsewhere"\n',
        BAREFLOW_JOBS="5",
        BAREFLOW_CACHE="/var/cache",
        BAREFLOW_DEBIAN_MIRROR=" http://one http://two, http://three",
        BAREFLOW_SANDBOX="proot",
        BAREFLOW_VERSION="1.2, commit 34",
        SOURCE_DATE_EPOCH="1000000000",
    )
    assert (config.jobs, config.cache_dir, config.sandbox) == (5, Path("/var/cache"), "proot")
    assert config.mirrors == ("http://one", "http://two", "http://three")
    assert (config.source_date_epoch, config.version) == (1_000_000_000, "1.2, commit 34")


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    """A variable that is set to nothing overrides nothing."""
    config = read(tmp_path, "[build]\njobs = 3\n", BAREFLOW_JOBS="", BAREFLOW_DEBIAN_MIRROR=" ", SOURCE_DATE_EPOCH="")
    assert (config.jobs, config.mirrors, config.source_date_epoch) == (3, (), 315_532_800)


@pytest.mark.parametrize(
    ("value", "size"),
    [(512, 512), ("512", 512), ("1 KiB", 1024), ("64MiB", 64 << 20), (" 2 GiB ", 2 << 30), ("7 B", 7)],
)
def test_sizes_are_numbers_or_numbers_with_a_unit(value: object, size: int) -> None:
    """Bytes may be written as people say them."""
    assert parse_size(value) == size


@pytest.mark.parametrize("value", ["", "one", "1 MB", "-1", "1.5 MiB", True, None, [1]])
def test_what_is_no_size_is_refused(value: object) -> None:
    """Units that mean two things, fractions, and what is no number are refused."""
    with pytest.raises(ValueError, match="is no size"):
        parse_size(value)


def test_unknown_keys_are_told_with_line_and_nearest_all_at_once(tmp_path: Path) -> None:
    """Each key that nobody knows is an error of its own, with the user's line and what may have been meant."""
    assert complaint(tmp_path, '[project]\nname = "x"\n\n[build]\njosb = 3\n[stoer]\n') == (
        "error: bareflow.toml has an unknown key\n"
        "  at       bareflow.toml:5\n"
        "  key      build.josb\n"
        "  nearest  jobs\n"
        "  why      Extra inputs are not permitted\n"
        "\n"
        "  bareflow.toml\n"
        "         4 | [build]\n"
        "  >>>    5 | josb = 3\n"
        "         6 | [stoer]\n"
        "\n"
        "error: bareflow.toml has an unknown key\n"
        "  at       bareflow.toml:6\n"
        "  key      stoer\n"
        "  nearest  store\n"
        "  why      Extra inputs are not permitted\n"
        "\n"
        "  bareflow.toml\n"
        "         5 | josb = 3\n"
        "  >>>    6 | [stoer]"
    )


@pytest.mark.parametrize(
    ("text", "key", "why", "line"),
    [
        ("[build]\njobs = -1\n", "build.jobs", "greater than or equal to 0", 2),
        ("[build]\n\ntimeout = 0\n", "build.timeout", "greater than 0", 3),
        ('[build]\nmemory = "8 GB"\n', "build.memory", "'8 GB' is no size", 2),
        ("[options]\nlevel = [1]\n", "options.level", "valid string", 2),
        ("project = 3\n", "project", "valid dictionary", 1),
        ('[options]\njobs = 3\n[build]\njobs = "x"\n', "build.jobs", "valid integer", 4),
    ],
)
def test_a_wrong_value_is_told_at_its_line(tmp_path: Path, text: str, key: str, why: str, line: int) -> None:
    """The key, the reason and the line of a value that cannot be meant."""
    told = complaint(tmp_path, text)
    assert "error: bareflow.toml has a wrong value" in told
    assert f"  key  {key}\n" in told
    assert why in told
    assert f"bareflow.toml:{line}\n" in told
    assert told.count("error:") == 1


@pytest.mark.parametrize(
    ("text", "headline", "line"),
    [
        ("[build\n", "bareflow.toml is not TOML", "bareflow.toml:1"),
        ("a = 1\na = 2\n", "bareflow.toml is not TOML", "bareflow.toml:2"),
    ],
)
def test_what_is_no_toml_is_told_at_its_line(tmp_path: Path, text: str, headline: str, line: str) -> None:
    """A slip of syntax shows the line on which the parser gave up."""
    told = complaint(tmp_path, text)
    assert told.startswith(f"error: {headline}\n")
    assert line in told


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are an error, not a crash."""
    (tmp_path / "bareflow.toml").write_bytes(b'[project]\nname = "\xff"\n')
    with pytest.raises(ConfigError, match=r"bareflow\.toml is not TOML"):
        load(tmp_path, {})


@pytest.mark.parametrize(
    ("variable", "value", "headline"),
    [
        ("BAREFLOW_SANDBOX", "chroot", "BAREFLOW_SANDBOX names no sandbox"),
        ("BAREFLOW_JOBS", "many", "BAREFLOW_JOBS is no number"),
        ("BAREFLOW_VERSION", '1"', "BAREFLOW_VERSION is no version"),
        ("SOURCE_DATE_EPOCH", "-1", "SOURCE_DATE_EPOCH is no number"),
    ],
)
def test_a_wrong_variable_is_told(tmp_path: Path, variable: str, value: str, headline: str) -> None:
    """The error names the variable and shows its value."""
    assert complaint(tmp_path, "", **{variable: value}).startswith(f"error: {headline}\n  value  {value}")


def test_a_project_is_found_from_any_folder_in_it(tmp_path: Path) -> None:
    """The nearest bareflow.toml above decides; without one the error says where it was looked for."""
    (tmp_path / "bareflow.toml").touch()
    (tmp_path / "src/deep").mkdir(parents=True)
    assert find_root(tmp_path / "src/deep") == find_root(tmp_path) == tmp_path
    with pytest.raises(ConfigError, match=r"no bareflow\.toml here"):
        find_root(Path("/proc/self"))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A project without its file is an error that says why."""
    with pytest.raises(ConfigError) as problem:
        load(tmp_path, {})
    assert problem.value.facts == [("file", str(tmp_path / "bareflow.toml")), ("why", "No such file or directory")]


def test_a_secret_key_lies_in_the_users_configuration_or_where_somebody_says(tmp_path: Path) -> None:
    """[keys] secret and BAREFLOW_KEY name a file; without them it is one that no project shares with others."""
    (tmp_path / "bareflow.toml").write_text("")
    assert load(tmp_path, {"XDG_CONFIG_HOME": "/c"}).secret_key == Path("/c/bareflow/release.key")
    assert load(tmp_path, {}).secret_key == Path.home() / ".config/bareflow/release.key"
    (tmp_path / "bareflow.toml").write_text('[keys]\nsecret = "own.key"\n')
    assert load(tmp_path, {}).secret_key == tmp_path / "own.key"
    assert load(tmp_path, {"BAREFLOW_KEY": "/k"}).secret_key == Path("/k")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[keys]\ntrusted = ["nothing"]\n', "keys.trusted"),
        ('[keys]\nrevoked = ["abc"]\n', "keys.revoked"),
        (f'[trust]\nkeys = ["RWQ{"A" * 53}"]\nthreshold = 2\n', "there are 1 keys"),
        ("[trust]\nthreshold = 0\n", "trust.threshold"),
    ],
)
def test_what_is_no_key_is_an_error(tmp_path: Path, text: str, why: str) -> None:
    """So is a threshold that nobody could ever meet: no result would count."""
    assert why in complaint(tmp_path, text)


@pytest.mark.parametrize(
    "lines",
    [
        'token = "abc.def"',
        'cache = "grpcs://abc.def@cache.example:443"',
        'headers = { Authorization = "Bearer abc.def" }',
        'token_header = "x-buildbuddy-api-key"\nheaders = { x-buildbuddy-api-key = "abc.def" }',
    ],
)
def test_a_token_in_the_file_is_refused_without_a_word_of_it(tmp_path: Path, lines: str) -> None:
    """A token in bareflow.toml, wherever in [remote], is an error that does not repeat it."""
    said = complaint(tmp_path, f"[remote]\n{lines}\n")
    assert "has a secret" in said
    assert "abc.def" not in said
