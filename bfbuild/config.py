"""What a person chooses: the only reader of bareflow.toml and of the environment.

Every key has a default, so an empty file is a valid one; an unknown key is an error. Environment variables override the
file for one command: BAREFLOW_CACHE, BAREFLOW_JOBS, BAREFLOW_DEBIAN_MIRROR, BAREFLOW_SANDBOX, BAREFLOW_KEY,
BAREFLOW_VERSION, BAREFLOW_REMOTE, BAREFLOW_REMOTE_TOKEN, SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bfbuild.errors import ConfigError, Errors, Location, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "bareflow.toml"
DEVELOPMENT = "development"  # the version of what is no release
VERSION = r"^([0-9A-Za-z][0-9A-Za-z.+~-]*)?$"  # what can be a word of a file's name, of a command line, of a C string
UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def parse_size(value: object) -> int:
    """Return bytes for 512, "64 MiB" or "4GiB"; raise ValueError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = re.fullmatch(r"(\d+)\s*(B|KiB|MiB|GiB)?", str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is no size; write a number of bytes or, say, '64 MiB'")
    return int(match[1]) * UNITS[match[2] or ""]


Size = Annotated[int, BeforeValidator(parse_size)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProjectSection(_Section):
    """`[project]`: how this project is called in records and reports, and the version that a release has."""

    name: str = "project"
    version: str = Field(default="", pattern=VERSION)


class BuildSection(_Section):
    """`[build]`: how actions are run."""

    jobs: int = Field(default=0, ge=0)  # 0: as many as there are cores
    keep_going: bool = False  # run what does not depend on a failed action before giving up
    timeout: int = Field(default=600, gt=0)  # seconds that one action may take
    memory: Size = parse_size("8GiB")  # address space that one process of an action may use


class StoreSection(_Section):
    """`[store]`: where results are kept, relative to bareflow.toml, and what `doit cache gc` keeps besides roots."""

    path: str = "cache"
    keep_builds: int = Field(default=20, ge=0)  # the newest builds, of all projects that share the store
    keep_days: int = Field(default=30, ge=0)  # whatever is younger
    max_size: Size = 0  # young things are kept only until there are so many bytes; 0: no limit


class ToolchainSection(_Section):
    """`[toolchain]`: which lock names the packages; relative to bareflow.toml."""

    lock: str = "bareflow.lock"


Key = Annotated[str, Field(pattern="^RW[QRST][A-Za-z0-9+/]{53}$")]  # a public key, as minisign prints it
KeyNumber = Annotated[str, Field(pattern="^[0-9A-F]{16}$")]


class KeysSection(_Section):
    """`[keys]`: what signs releases, and whose signatures count. Public keys alone; a secret one lies elsewhere."""

    secret: str = ""  # the file of the secret key; empty: bareflow/release.key in the user's configuration
    trusted: tuple[Key, ...] = ()  # whose releases are believed
    revoked: tuple[Key | KeyNumber, ...] = ()  # what these sign is never believed, be it a release or a result


class TrustSection(_Section):
    """`[trust]`: who may vouch for results in the store. Without keys every result is believed that is whole."""

    keys: tuple[Key, ...] = ()
    threshold: int = Field(default=1, ge=1)  # how many of them must

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.keys and self.threshold > len(set(self.keys)):
            raise ValueError(f"threshold is {self.threshold}, and there are {len(set(self.keys))} keys")
        return self


Header = Annotated[str, Field(pattern="^[a-z0-9_.-]+$")]
Address = Annotated[str, Field(pattern=r"^(grpcs?://[^\s/@]+:\d{1,5})?$")]


class RemoteSection(_Section):
    """`[remote]`: servers of the Remote Execution API. Without an address no network is asked for results.

    Paths are relative to bareflow.toml; those of a `Config` are absolute.
    """

    cache: Address = ""  # keeps results; empty: the server that executes, which keeps them too
    exec: Address = ""  # runs actions
    instance: str = ""  # what the server calls the part of it that is meant
    upload: Literal["trusted", "never", "always"] = "trusted"  # of what was made here
    tls_ca: str = ""  # certificates that vouch for the server's; empty: those of the system
    tls_cert: str = ""  # what vouches for us
    tls_key: str = ""
    token_file: str = ""  # a file that holds the token; BAREFLOW_REMOTE_TOKEN counts more
    token_header: Header = "authorization"  # noqa: S105  (there it is "Bearer TOKEN", or as it is where it has a scheme)
    headers: dict[Header, str] = {}  # what a server wants to be told besides, and everybody may know
    jobs: int = Field(default=16, ge=1)  # how many actions may be executed there at once
    platform: dict[str, str] = {}  # properties of the machine that an executor must choose

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("tls_cert and tls_key are of use together alone")
        return self


class Settings(_Section):
    """All of bareflow.toml."""

    project: ProjectSection = ProjectSection()
    build: BuildSection = BuildSection()
    store: StoreSection = StoreSection()
    toolchain: ToolchainSection = ToolchainSection()
    keys: KeysSection = KeysSection()
    trust: TrustSection = TrustSection()
    remote: RemoteSection = RemoteSection()
    options: dict[str, str | int | bool] = {}  # what recipes read as `option("name", default)`


class Config(_Section):
    """The settings of one project, resolved: absolute paths, environment applied."""

    root: Path
    settings: Settings
    cache_dir: Path
    lock_path: Path
    secret_key: Path  # need not be there
    jobs: int
    mirrors: tuple[str, ...]
    sandbox: Literal["auto", "bubblewrap", "proot"]
    source_date_epoch: int
    version: str  # what recipes read as `version()`
    remote: RemoteSection | None  # None: there is none, or not for this command


def find_root(start: Path) -> Path:
    """Return the nearest folder at or above `start` with a bareflow.toml; raise ConfigError where there is none."""
    for folder in [start.absolute(), *start.absolute().parents]:
        if (folder / FILE).is_file():
            return folder
    raise ConfigError(f"no {FILE} here", facts=[("looked in", start)], hint="run in a project, or make an empty one")


def load(root: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Read the project at `root`; raise ConfigError or Errors for what is wrong in the file or the environment."""
    settings = _read(root / FILE)
    epoch = _number(environment, "SOURCE_DATE_EPOCH", 315_532_800)  # 1980-01-01, the first day that FAT can express
    jobs = _number(environment, "BAREFLOW_JOBS", settings.build.jobs)
    sandbox = environment.get("BAREFLOW_SANDBOX", "auto")
    if sandbox not in ("auto", "bubblewrap", "proot"):
        raise ConfigError(
            "BAREFLOW_SANDBOX names no sandbox", facts=[("value", sandbox)], hint="use auto, bubblewrap or proot"
        )
    version = environment.get("BAREFLOW_VERSION", "") or DEVELOPMENT
    if not re.fullmatch(r"[ !#-\[\]-~]+", version):
        raise ConfigError(
            "BAREFLOW_VERSION is no version", facts=[("value", version)], hint="use ASCII without quotes or \\"
        )
    return Config(
        root=root,
        settings=settings,
        cache_dir=root / environment.get("BAREFLOW_CACHE", settings.store.path),
        lock_path=root / settings.toolchain.lock,
        secret_key=_secret_key(root, settings, environment),
        jobs=jobs or len(os.sched_getaffinity(0)),
        mirrors=tuple(re.split(r"[\s,]+", environment.get("BAREFLOW_DEBIAN_MIRROR", "").strip()))
        if environment.get("BAREFLOW_DEBIAN_MIRROR", "").strip()
        else (),
        sandbox=sandbox,
        source_date_epoch=epoch,
        version=version,
        remote=_remote(root, settings.remote) if remote_is_on(environment) else None,
    )


def remote_is_on(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this command may ask the servers of [remote]; raise ConfigError for a word that says neither."""
    word = environment.get("BAREFLOW_REMOTE", "") or "on"
    if word not in ("on", "off"):
        raise ConfigError("BAREFLOW_REMOTE says neither on nor off", facts=[("value", word)])
    return word == "on"


def remote_token(remote: RemoteSection, environment: Mapping[str, str] = os.environ) -> str:
    """Return what a server knows us by, empty where nothing is set; raise ConfigError where it cannot be read."""
    token = environment.get("BAREFLOW_REMOTE_TOKEN", "").strip()
    if not token and remote.token_file:
        try:
            token = Path(remote.token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            facts: list[tuple[str, object]] = [("file", remote.token_file), ("why", str(error.args[-1]))]
            raise ConfigError("the token of [remote] cannot be read", facts=facts) from error
    if not token.isascii() or not token.isprintable() or token.count(" ") > 1:
        raise ConfigError("the token of [remote] is none", hint="it is one word of ASCII, or a scheme and one")
    return token


def _remote(root: Path, remote: RemoteSection) -> RemoteSection | None:
    if not (remote.cache or remote.exec):
        return None
    paths = {name: getattr(remote, name) for name in ("tls_ca", "tls_cert", "tls_key", "token_file")}
    resolved = {name: str(root / Path(path).expanduser()) for name, path in paths.items() if path}
    return remote.model_copy(update={"cache": remote.cache or remote.exec, **resolved})


def _secret_key(root: Path, settings: Settings, environment: Mapping[str, str]) -> Path:
    named = environment.get("BAREFLOW_KEY", "") or settings.keys.secret
    if named:
        return root / Path(named).expanduser()
    return Path(environment.get("XDG_CONFIG_HOME", "") or "~/.config").expanduser() / "bareflow" / "release.key"


def _read(path: Path) -> Settings:
    data: dict[str, object] = {}
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
        _check_secrets(path, data.get("remote"))
        return Settings.model_validate(data)
    except OSError as error:
        raise ConfigError(f"{FILE} cannot be read", facts=[("file", path), ("why", error.strerror)]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        where = re.search(r"at line (\d+)", str(error))
        raise ConfigError(
            f"{FILE} is not TOML",
            facts=[("why", error)],
            location=Location(path, int(where[1])) if where else None,
        ) from error
    except ValidationError as error:
        told = {_keys(data, each["loc"]): dict(each) for each in reversed(error.errors())}
        raise Errors([_key_error(path, text, keys, each) for keys, each in reversed(told.items())]) from error


def _check_secrets(path: Path, remote: object) -> None:
    """Raise ConfigError for a secret in the file, without a word of it."""
    section = remote if isinstance(remote, dict) else {}
    addresses = (str(section.get(name, "")) for name in ("cache", "exec"))
    headers = section.get("headers", {})
    named = {str(name).lower() for name in headers} if isinstance(headers, dict) else set()
    hidden = str(section.get("token_header", "")).lower()
    if (
        "token" in section
        or any("@" in address for address in addresses)
        or named & {"authorization", "cookie", hidden}
    ):
        raise ConfigError(
            f"{FILE} has a secret in [remote]",
            facts=[("file", path), ("why", "whoever can read the repository could use the server in your name")],
            hint="keep the token in a file elsewhere, which token_file names, or in BAREFLOW_REMOTE_TOKEN",
        )


def _keys(data: object, location: tuple[str | int, ...]) -> tuple[str, ...]:
    """The keys of the file that a complaint is about, without what pydantic adds for each type that was possible."""
    keys: list[str] = []
    for key in location:
        if not isinstance(data, dict) or key not in data:
            break
        keys.append(str(key))
        data = data[key]
    return tuple(keys)


def _key_error(path: Path, text: str, keys: tuple[str, ...], detail: dict[str, object]) -> ConfigError:
    """Turn one complaint of pydantic's into ours, with the line of the key it is about."""
    unknown = detail["type"] == "extra_forbidden"
    model: type[BaseModel] = Settings
    for key in keys[:-1]:
        field = model.model_fields.get(key)
        if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            model = field.annotation
    guess = nearest(keys[-1], model.model_fields) if unknown else None
    return ConfigError(
        f"{FILE} has an unknown key" if unknown else f"{FILE} has a wrong value",
        facts=[("key", ".".join(keys)), *([("nearest", guess)] if guess else []), ("why", detail["msg"])],
        location=Location(path, _line(text, keys)),
    )


def _line(text: str, keys: tuple[str, ...]) -> int:
    """The line on which a key, or a section of that name, stands; the first where it is written in another way."""
    section: tuple[str, ...] = ()
    for number, row in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([^\]]*)\]", row):
            section = tuple(part.strip() for part in header[1].split("."))
        key = re.match(r"\s*([\w.-]+)\s*=", row)
        if (section == keys and header) or (key and (*section, *key[1].split(".")) == keys):
            return number
    return 1


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name, "")
    if not value:
        return default
    if not value.isdecimal():
        raise ConfigError(f"{name} is no number", facts=[("value", value)])
    return int(value)
