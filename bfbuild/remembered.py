"""What a build did, remembered beside its snapshot, so that an edited source needs no recipes: work for the walk.

While nothing but the content of sources changed, and these still include what they included, every request is what it
was but for the digests of its inputs. So the recipes are not read, nor is what they were written with imported; the
pieces that use a changed source, and what builds on them, are described anew from here, and decided and executed like
any other. Whatever else changed, and any doubt, ends with `Doubt`, and the full way is gone.

A database build/.snapshot/QUESTION.sqlite holds a row a piece, in an order in which each comes after what it needs, and
who uses which file. It is written by a build that went the full way, and derived like the snapshot.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bfbuild.action.action import Action, Edited, InputFile, Request, Tree, make_action
from bfbuild.action.scan import DIRECTIVES, MacroName
from bfbuild.digest import Digest, digest_bytes
from bfbuild.errors import Location
from bfbuild.protos import remote_execution_pb2 as api
from bfbuild.snapshot import VERSION, Signatures, sign
from bfbuild.store.signature import untouched

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from bfbuild.errors import BareflowError
    from bfbuild.realise import Piece as AnyPiece
    from bfbuild.store import Store

SCHEMA = """
create table pieces (number integer primary key, data blob not null);
create table users (place text not null, number integer not null, primary key (place, number)) without rowid;
create table folders (path text primary key, listing blob not null) without rowid;
create table facts (name text primary key, data blob not null) without rowid;
"""
MADE = "build/"  # how an action sees what another made

Content = tuple[str, int, bool]  # SHA-256, size, executable
Scan = tuple[str, tuple[tuple[str, bool], ...]]  # which directives, and the includes: name, beside


class Doubt(Exception):  # noqa: N818  (an event, not an error)
    """What is remembered does not answer this."""


@dataclass(eq=False)
class Piece:
    """What is remembered of a recipe: a realise.Piece."""

    number: int
    request: Request
    type: str  # of the recipe
    recipe_file: str
    tree: Digest
    needs: tuple[str, ...]
    scans: Mapping[str, Scan]  # by place
    results: Mapping[str, InputFile]
    explained: bool  # whether an error is made of what the tool says, which takes the recipe

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.request.label

    @property
    def location(self) -> Location:
        """The line that declared it."""
        return self.request.location


@dataclass(frozen=True)
class Memory:
    """All of a build that its repetition needs, besides the pieces."""

    project: str  # its name
    cache: str  # folder of the store
    trust: (
        tuple[tuple[str, ...], int, tuple[str, ...], str] | None
    )  # of a Keyring, where the project says whose word counts
    remote: dict[str, Any] | None  # of a RemoteSection, where the project has one
    unpackings: dict[tuple[str, int], tuple[str, int]]  # root -> the action that unpacks it, where there is a server
    jobs: int
    timeout: int
    memory: int
    source_date_epoch: int
    sandbox_tools: str  # SHA-256 of the root that has the programs of the real sandbox; empty where it was not used
    targets: tuple[str, ...]
    answered: tuple[str, ...]  # the outputs that the answer names
    exported: tuple[str, ...]  # those that are put into build/ beside them
    contents: dict[str, Content]  # of all these
    trees: dict[str, tuple[int, bytes]]  # SHA-256 of a root -> size, Directory


class Remembered:
    """The pieces that changed sources lead to; a realise.Work. `memory` is the rest."""

    def __init__(self, database: sqlite3.Connection, memory: Memory, root: str, store: Store) -> None:
        self.memory = memory
        self.made: dict[str, InputFile] = {}  # outputs by name, as far as they were looked at
        self.seen: dict[str, InputFile] = {}  # sources by path, as far as they were looked at
        self._database = database
        self.root = Path(root)
        self._store = store
        self._pieces: dict[str, Piece] = {}
        self._sound: set[str] = set()  # roots that were looked at
        self._trees = {
            hash_: Tree(Digest(hash_, size), api.Directory.FromString(data))
            for hash_, (size, data) in memory.trees.items()
        }

    def look(self, path: str) -> None:
        """Look at a source or folder that seems to have changed, and find the pieces it leads to; raise Doubt."""
        listed = self._database.execute("select listing from folders where path = ?", (path,)).fetchone()
        if listed is not None:
            if listed[0] != _listing(self.root / path):
                raise Doubt(path)
            return  # a file in it was replaced, as editors do
        users = self._using(path)
        if not users or sign(str(self.root / path))[3] & 0o170000 != 0o100000:
            raise Doubt(path)
        data = (self.root / path).read_bytes()
        known = users[0].request.inputs[path]
        found = self.seen[path] = InputFile(digest_bytes(data), bool((self.root / path).stat().st_mode & 0o100))
        if found == known:
            return
        for piece in users:
            _same_includes(piece, path, data)
        self._add(users)

    def is_as_seen(self, path: str) -> bool:
        """Whether a source that was looked at still has the bytes that it had then."""
        return path not in self.seen or digest_bytes((self.root / path).read_bytes()) == self.seen[path].digest

    def order(self) -> Sequence[Piece]:
        """All pieces that a change may reach, each after what it needs."""
        return sorted(self._pieces.values(), key=lambda piece: piece.number)

    def needs(self, piece: AnyPiece) -> Iterable[Piece]:
        """Those of them whose outputs a piece needs."""
        return [self._pieces[name] for name in self._own(piece).needs if name in self._pieces]

    def describe(self, piece: AnyPiece) -> Action:
        """The action that makes a piece of what its inputs are now; raise Doubt where a made header includes others."""
        own = self._own(piece)
        inputs = {place: self._now(own.request.name(place), file) for place, file in own.request.inputs.items()}
        if own.request.names and inputs != own.request.inputs:
            raise Doubt(own.name)  # a file that tells a tool what it is asked for may have to be another
        for place in own.scans:
            if place.startswith(MADE) and inputs[place] != own.request.inputs[place]:
                _same_includes(own, place, self._store.cas.get_bytes(inputs[place].digest))
        own.request = replace(own.request, inputs=inputs, explain=_doubt if own.explained else None)
        return make_action(own.request, self._trees[own.tree.hash], self.memory.source_date_epoch)

    def keep(self, action: Action) -> None:
        """See to it that the store has what an action needs; raise Edited where a source has other bytes by now."""
        with self._store.cas.batch() as batch:
            for data in action.blobs.values():
                batch.put_bytes(data)
            for place, file in action.request.inputs.items():
                source = not place.startswith(MADE) and (self.root / place).is_file()
                if source and batch.put_file(self.root / place) != file.digest:
                    raise Edited(place)

    def forget(self, action: Action) -> None:
        """Give up: who edits faster than this goes the full way."""
        raise Doubt(action.request.label)

    def adopt(self, name: str, file: InputFile) -> None:
        """An output exists."""
        self.made[name] = file

    def tools(self, piece: AnyPiece) -> Path:
        """The folder in which a piece's toolchain is unpacked; raise Doubt where it is not."""
        return self.tree(self._own(piece).tree.hash)

    def tree(self, hash_: str) -> Path:
        """The folder of an unpacked root; raise Doubt where it is gone, or was touched since."""
        if hash_:
            self._store.leases.hold(hash_)
        path = self._store.path / "trees" / hash_
        if hash_ not in self._sound:  # two threads at once may both look
            if not (hash_ and untouched(path)):
                raise Doubt(hash_)
            self._sound.add(hash_)
        return path

    def recipe_file(self, piece: AnyPiece) -> str:
        """The file that declares a piece, relative to the project."""
        return self._own(piece).recipe_file

    def title(self, piece: AnyPiece) -> str:
        """A piece's name and type."""
        return f"{piece.name} ({self._own(piece).type})"

    def content(self, name: str) -> InputFile:
        """An output that the answer names, or that is put into build/."""
        hash_, size, executable = self.memory.contents[name]
        return self.made.get(name) or InputFile(Digest(hash_, size), executable)

    def learn(self) -> None:
        """Remember what became of the pieces."""
        for piece in self._pieces.values():
            piece.results = {name: self.made[name] for name in piece.results}
            _put_piece(self._database, piece)
        contents = {name: _content(self.content(name)) for name in self.memory.contents}
        _put_memory(self._database, replace(self.memory, contents=contents))
        self._database.commit()

    def _now(self, place: str, known: InputFile) -> InputFile:
        return self.made.get(place.removeprefix(MADE), known) if place.startswith(MADE) else self.seen.get(place, known)

    def _own(self, piece: AnyPiece) -> Piece:
        return self._pieces[piece.name]

    def _add(self, pieces: Iterable[Piece]) -> None:
        """Add pieces, and all that builds on them."""
        waiting = [*pieces]
        while waiting:
            piece = waiting.pop()
            if piece.name not in self._pieces:
                self._pieces[piece.name] = piece
                waiting += [user for name in piece.results for user in self._using(MADE + name)]

    def _using(self, place: str) -> list[Piece]:
        query = "select number, data from pieces natural join users where place = ? order by number"
        rows = self._database.execute(query, (place,)).fetchall()
        return [_piece(self.root, number, data) for number, data in rows]


def _doubt(said: str) -> BareflowError | None:
    """Have an error explained by who knows the recipe."""
    raise Doubt(said)


def _same_includes(piece: Piece, place: str, data: bytes) -> None:
    """Raise Doubt where a file that was scanned for a piece includes other things than it did."""
    if place not in piece.scans:
        return
    language, includes = piece.scans[place]
    try:
        now = tuple((include.name, include.beside) for include in DIRECTIVES[language](data))
    except MacroName as error:
        raise Doubt(place) from error
    if now != includes:
        raise Doubt(place)


@contextmanager
def recall(question: str) -> Iterator[tuple[sqlite3.Connection, Memory]]:
    """Give what is remembered of the build whose answer is in the snapshot `question`; raise Doubt where nothing is."""
    path = f"{question}.sqlite"
    if not os.path.exists(path):  # noqa: PTH110  (beside other paths of the snapshot)
        raise Doubt(path)
    database = sqlite3.connect(path, isolation_level="IMMEDIATE", check_same_thread=False)
    try:
        database.execute("pragma synchronous = off")
        rows = dict(database.execute("select name, data from facts"))
        if marshal.loads(rows["version"]) != VERSION:  # noqa: S302  (a file of ours; damage ends in one of these errors)
            raise Doubt(path)
        yield database, Memory(**marshal.loads(rows["memory"]))  # noqa: S302
    except (sqlite3.Error, KeyError, ValueError, TypeError, EOFError) as error:
        raise Doubt(path) from error
    finally:
        database.close()


def remember(
    question: str, memory: Memory, pieces: Iterable[Piece], *, fixed: Container[str], signatures: Signatures
) -> None:
    """Write down a build beside the snapshot that has its answer; raise OSError or sqlite3.Error where that fails.

    `pieces` come in an order in which each stands after what it needs. Files in `fixed` were read for more than their
    content: whatever changes there, is looked at by who goes the full way. `signatures` tell which folders were
    searched, and what they were like before.
    """
    path = f"{question}.sqlite"
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "wb"):  # noqa: PTH123  (empty, whatever a killed process left)
        pass
    database = sqlite3.connect(temporary)
    try:
        database.executescript(f"pragma journal_mode = off; pragma synchronous = off; {SCHEMA}")
        for piece in pieces:
            _put_piece(database, piece)
            places = (piece.request.name(place) for place in piece.request.inputs)
            users = [(place, piece.number) for place in places if place not in fixed]
            database.executemany("insert into users values (?, ?)", users)
        searched = [path for path, signature in signatures.files.items() if signature[0] == -1]
        listings = {path: _listing(Path(signatures.root, path)) for path in searched}
        same = [path for path in searched if sign(str(Path(signatures.root, path))) == signatures.files[path]]
        database.executemany("insert into folders values (?, ?)", [(path, listings[path]) for path in same])
        database.execute("insert into facts values ('version', ?)", (marshal.dumps(VERSION),))
        _put_memory(database, memory)
        database.commit()
    finally:
        database.close()
    os.replace(temporary, path)  # noqa: PTH105


def _listing(folder: Path) -> bytes:
    """Return what tells one list of files and folders from another."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries)
    except OSError:
        return b""
    return hashlib.sha256("\0".join(names).encode(errors="surrogateescape")).digest()


def _put_memory(database: sqlite3.Connection, memory: Memory) -> None:
    data = marshal.dumps({name: getattr(memory, name) for name in Memory.__dataclass_fields__})
    database.execute("insert or replace into facts values ('memory', ?)", (data,))


def _put_piece(database: sqlite3.Connection, piece: Piece) -> None:
    request = piece.request
    saved: tuple[Any, ...] = (
        (request.label, request.kind, request.location.line, request.argv, request.outputs, request.path),
        dict(request.env),
        (request.stdout, request.hint, dict(request.names)),
        {place: _content(file) for place, file in request.inputs.items()},
        (piece.type, piece.recipe_file, piece.tree.hash, piece.tree.size, piece.needs, piece.explained),
        dict(piece.scans),
        {name: _content(file) for name, file in piece.results.items()},
    )
    database.execute("insert or replace into pieces values (?, ?)", (piece.number, marshal.dumps(saved)))


def _piece(root: Path, number: int, data: bytes) -> Piece:
    about, env, words, inputs, more, scans, results = marshal.loads(data)  # noqa: S302  (ours)
    label, kind, line, argv, outputs, path = about
    stdout, hint, names = words
    type_, recipe_file, tree, tree_size, needs, explained = more
    location = Location(root / recipe_file, line)
    request = Request(
        label=label,
        kind=kind,
        location=location,
        argv=argv,
        inputs={place: _file(content) for place, content in inputs.items()},
        outputs=outputs,
        path=path,
        env=env,
        stdout=stdout,
        names=names,
        hint=hint,
    )
    made = {name: _file(content) for name, content in results.items()}
    return Piece(number, request, type_, recipe_file, Digest(tree, tree_size), needs, scans, made, explained)


def _content(file: InputFile) -> Content:
    return (file.digest.hash, file.digest.size, file.executable)


def _file(content: Content) -> InputFile:
    hash_, size, executable = content
    return InputFile(Digest(hash_, size), executable)
