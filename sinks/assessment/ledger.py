"""The ledger of units: one SQLite file, appended to and never changed, safe under two writers and power loss.

Every event stands in one row with the hash of the row before, so that a row
that was edited, removed or moved is found. An import is one transaction: all
of a file, or nothing.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from aoi.findings import Finding, InputError, errors, finding
from sinks.assessment.events import HASHED, START, Block, Event, check_first, check_later, check_split, next_hash
from sinks.assessment.movements import EVER, REPLACED, Movement
from sinks.assessment.reading import read_rows
from sinks.errors import DISK_FAILURES, Unfinished
from sinks.tables import LEDGER

APPLICATION = 0x6E6D6C67
"""``nmlg``: marks the file as a ledger."""
MOST_FINDINGS = 50
WAIT_SECONDS = 60.0
"""How long a writer waits for another."""
BROKEN = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What SQLite raises for files that are no databases any more."""
_BATCH = 10_000
_NUMBERS = frozenset({"event", "vintage", "serial_first", "serial_last", "issued_tCO2e"})
_COLUMNS = ", ".join(f"{name} {'INTEGER' if name in _NUMBERS else 'TEXT'}" for name in HASHED)
_SCHEMA = (
    f"CREATE TABLE events (sequence INTEGER PRIMARY KEY, {_COLUMNS}, previous_sha256 TEXT NOT NULL, sha256 TEXT NOT NULL)",
    "CREATE UNIQUE INDEX one_event ON events (block, event)",
    "CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), entries INTEGER NOT NULL, sha256 TEXT NOT NULL)",
    f"INSERT INTO head VALUES (1, 0, '{START}')",
    "CREATE TRIGGER never_changed BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'append only'); END",
    "CREATE TRIGGER never_removed BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'append only'); END",
    f"PRAGMA application_id = {APPLICATION}",
)
_ROW = ", ".join(HASHED)
_INSERT = f"INSERT INTO events (sequence, {_ROW}, previous_sha256, sha256) VALUES ({', '.join('?' * (len(HASHED) + 3))})"
_SQLITE = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class Head:
    """How many events a ledger holds, and the hash of the last."""

    entries: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Appended:
    """What an import did: events that are new, and events that were there already."""

    added: int
    known: int
    head: Head


class Ledger:
    """An open ledger.

    Parameters
    ----------
    path : Path or None
        None keeps it in memory, for a table of events that is only read.
    create : bool
        Make the file where there is none.

    Raises
    ------
    InputError
        No such ledger, or the file is no ledger.
    """

    def __init__(self, path: Path | None, create: bool = False) -> None:
        self.name = path.name if path is not None else "ledger"
        if path is not None and not path.exists() and not create:
            raise InputError(finding("E-FILE-01", path.name))
        try:
            self._db = sqlite3.connect(":memory:" if path is None else path, timeout=WAIT_SECONDS, isolation_level=None)
            self._db.execute("PRAGMA trusted_schema = OFF")
            self._db.execute("PRAGMA synchronous = FULL")
            if path is None or create:
                self._begin_file()
            elif self._db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
                raise InputError(finding("E-LEDGER-20", self.name, reason="application_id"))
        except InputError:
            self._db.close()
            raise
        except BROKEN as error:
            with contextlib.suppress(AttributeError):
                self._db.close()
            raise InputError(finding("E-LEDGER-20", self.name, reason=str(error))) from error

    def _begin_file(self) -> None:
        """Make the tables of a new file; refuse a file of another kind."""
        with self._transaction():
            empty = not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if empty:
                for statement in _SCHEMA:
                    self._db.execute(statement)
            elif self._db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
                raise InputError(finding("E-LEDGER-20", self.name, reason="application_id"))
        if self._db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            self._db.execute("PRAGMA journal_mode = WAL")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close()
        if isinstance(error, BROKEN):
            raise InputError(finding("E-LEDGER-20", self.name, reason=str(error))) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing; the second of two writers waits for the first."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def head(self) -> Head:
        """How many events there are, and the hash of the last."""
        entries, sha256 = self._db.execute("SELECT entries, sha256 FROM head").fetchone()
        return Head(int(entries), str(sha256))

    def append(
        self,
        rows: Iterable[tuple[str, Event, str]],
        guard: Callable[["Ledger"], list[Finding]] | None = None,
        found: list[Finding] | None = None,
    ) -> Appended:
        """Append events; those that are there already are passed over, so that an import done twice is done once.

        Parameters
        ----------
        rows : iterable of (where, event, sha256)
            The hash is that of an exported chain, or empty.
        guard : callable, optional
            Further checks of the whole ledger with the new events in it, before it is committed.
        found : list of Finding, optional
            What reading the rows finds; it is looked at when they are all read.

        Raises
        ------
        InputError
            With every finding; nothing of the rows is in the ledger then.
        Unfinished
            The disk is full or fails; nothing of the rows is in the ledger.
        """
        problems: list[Finding] = found if found is not None else []
        try:
            with self._transaction():
                appended = self._append(rows, problems)
                if not errors(problems):
                    problems += self._check_whole()
                    problems += guard(self) if guard is not None else []
                if errors(problems):
                    raise InputError(problems)
                return appended
        except sqlite3.OperationalError as error:
            raise Unfinished(finding("E-RUN-03", self.name, reason=str(error))) from error
        except OSError as error:
            if error.errno not in DISK_FAILURES:
                raise
            raise Unfinished(finding("E-RUN-03", self.name, reason=error.strerror or "")) from error

    def _append(self, rows: Iterable[tuple[str, Event, str]], problems: list[Finding]) -> Appended:
        head = self.head()
        writer = _Writer(self._db, head, problems)
        for where, event, sha256 in rows:
            writer.take(where, event, sha256)
        writer.flush()
        self._db.execute("UPDATE head SET entries = ?, sha256 = ?", (writer.entries, writer.sha256))
        return Appended(writer.entries - head.entries, writer.known, self.head())

    def _check_whole(self) -> list[Finding]:
        """What no single row shows: serial numbers issued twice, splits that lose or add units."""
        found = []
        overlapping = self._db.execute(
            "SELECT block, serial_first, before FROM (SELECT block, serial_first, max(serial_last) OVER (PARTITION BY programme, serial_prefix "
            "ORDER BY serial_first, serial_last ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM events WHERE action = 'issue') "
            f"WHERE serial_first <= before LIMIT {MOST_FINDINGS}"
        ).fetchall()
        found += [finding("E-LEDGER-15", self.name, block=block, serial=first, before=last) for block, first, last in overlapping]
        unequal = self._db.execute(
            "SELECT p.block, p.issued_tCO2e, sum(c.issued_tCO2e), count(*) FROM events c JOIN events p ON p.block = c.parent AND p.event = 1 "
            "WHERE c.action = 'split' GROUP BY p.block HAVING sum(c.issued_tCO2e) <> p.issued_tCO2e OR min(c.serial_first) <> p.serial_first "
            "OR max(c.serial_last) <> p.serial_last OR abs(sum(c.gross_tCO2e) - p.gross_tCO2e) > 0.0005"
        ).fetchall()
        found += [finding("E-LEDGER-16", self.name, block=block, units=units, parts=parts, n=n) for block, units, parts, n in unequal]
        touching = self._db.execute(
            "SELECT block FROM (SELECT block, serial_first, lag(serial_last) OVER (PARTITION BY parent ORDER BY serial_first) AS before "
            "FROM events WHERE action = 'split') WHERE serial_first <> before + 1"
        ).fetchall()
        found += [finding("E-LEDGER-15", self.name, block=block, serial="", before="") for (block,) in touching]
        return found

    def rows(self, as_of: str = EVER) -> Iterator[tuple[str, ...]]:
        """Every event up to a date as cells of the table, in the order of the chain."""
        text = ", ".join(f"coalesce({name}, '')" for name in LEDGER.names)
        for row in self._db.execute(f"SELECT {text} FROM events WHERE date <= ? ORDER BY sequence", (as_of,)):
            yield tuple(map(str, row))

    def issues(self) -> Iterator[Event]:
        """The issue of every block that was issued (not split off), in the order of the chain."""
        yield from map(_event, self._db.execute(f"SELECT {_ROW} FROM events WHERE action = 'issue' ORDER BY sequence"))

    def distinct(self, *columns: str) -> list[tuple[str, ...]]:
        """Different combinations of some columns over all issues, sorted."""
        wanted = [name for name in columns if name in HASHED]
        rows = self._db.execute(f"SELECT DISTINCT {', '.join(wanted)} FROM events WHERE action = 'issue' ORDER BY {', '.join(wanted)}")
        return [tuple("" if cell is None else str(cell) for cell in row) for row in rows]

    def issued(self) -> dict[tuple[str, str, int], int]:
        """(project, module, vintage) -> units issued [t CO2e], whatever their state."""
        rows = self._db.execute(
            "SELECT project, module, vintage, sum(issued_tCO2e) FROM events WHERE action = 'issue' GROUP BY project, module, vintage ORDER BY 1, 2, 3"
        )
        return {(project, module, int(vintage)): int(units) for project, module, vintage, units in rows}

    def movements(self) -> list[Movement]:
        """All movements of units between states, equal ones added up, in a fixed order."""
        sums: dict[tuple[str, _About, str], int] = {}
        blocks: dict[str, _Units] = {}
        for row in self._db.execute(f"SELECT {', '.join(_MOVED)} FROM events ORDER BY sequence"):
            _move(row, blocks, sums)
        return [
            Movement(date, *about, state, units) for (date, about, state), units in sorted(sums.items()) if units
        ]  # fmt: skip

    def verify(self) -> list[Finding]:
        """Whether the chain is whole: the first row that is not as it was written, or rows that are missing at the end."""
        previous, number = START, 0
        for row in self.rows():
            number += 1
            sequence, cells, before, sha256 = row[0], row[1:-2], row[-2], row[-1]
            if sequence != str(number) or before != previous or next_hash(previous, cells) != sha256:
                return [finding("E-LEDGER-17", self.name, sequence=number, block=row[1])]
            previous = sha256
        head = self.head()
        return (
            []
            if (head.entries, head.sha256) == (number, previous)
            else [finding("E-LEDGER-18", self.name, entries=head.entries, found=number)]
        )


class _Writer:
    """Checks events one after the other against what went before, and inserts them in batches."""

    def __init__(self, database: sqlite3.Connection, head: Head, problems: list[Finding]) -> None:
        self._db = database
        self._fresh = head.entries == 0
        self._blocks: dict[str, Block] = {}
        self._batch: list[tuple[object, ...]] = []
        self._problems = problems
        self._stood_before = head.entries
        self.entries, self.sha256, self.known = head.entries, head.sha256, 0

    def take(self, where: str, one: Event, sha256: str) -> None:
        """Check one event and keep it; nothing more is kept once something is wrong."""
        before = self._block(one.block)
        if before is not None and int(one.event) <= before.event:
            self._again(one, where, sha256)
            return
        found = self._check(one, before, where)
        hash_ = next_hash(self.sha256, one)
        if sha256 and sha256 != hash_:
            found.append(finding("E-LEDGER-17", where, sequence=self.entries + 1, block=one.block))
        if found:
            if len(self._problems) < MOST_FINDINGS:
                self._problems += found
            return
        self._remember(one)
        self.entries += 1
        numbers = [int(cell) if name in _NUMBERS and cell else cell or None for name, cell in zip(HASHED, one, strict=True)]
        self._batch.append((self.entries, *numbers, self.sha256, hash_))
        self.sha256 = hash_
        if len(self._batch) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Insert what waits."""
        self._db.executemany(_INSERT, self._batch)
        self._batch.clear()

    def _check(self, one: Event, before: Block | None, where: str) -> list[Finding]:
        first = one.action in ("issue", "split")
        if before is None and not first:
            return [finding("E-LEDGER-12", where, block=one.block, parent=one.block)]
        if before is not None:
            return [finding("E-LEDGER-19", where, block=one.block, event=one.event)] if first else check_later(one, before, where)
        found = check_first(one, where)
        if one.action == "split" and not found:
            found += check_split(one, self._block(one.parent), where)
        return found

    def _again(self, one: Event, where: str, sha256: str) -> None:
        """An event that is there already: the same, or another one under its number."""
        self.flush()
        row = self._db.execute(f"SELECT {_ROW}, sha256 FROM events WHERE block = ? AND event = ?", (one.block, int(one.event))).fetchone()
        same = row is not None and _event(row[:-1]) == one and (not sha256 or sha256 == row[-1])
        if same:
            self.known += 1
        elif len(self._problems) < MOST_FINDINGS:
            self._problems.append(finding("E-LEDGER-19", where, block=one.block, event=one.event))

    def _block(self, name: str) -> Block | None:
        """What is known of a block: from this import, else from the ledger."""
        if name not in self._blocks and not self._fresh:
            rows = self._db.execute(
                f"SELECT {_ROW} FROM events WHERE block = ? AND sequence <= ? ORDER BY event", (name, self._stood_before)
            )
            for event in map(_event, rows):
                if event.parent:
                    self._block(event.parent)
                _advance(self._blocks, event)
            children = self._db.execute(
                "SELECT min(date) FROM events WHERE parent = ? AND sequence <= ?", (name, self._stood_before)
            ).fetchone()
            if name in self._blocks and children[0]:
                self._blocks[name].split_on = str(children[0])
        return self._blocks.get(name)

    def _remember(self, one: Event) -> None:
        """Keep what the event says for those after it."""
        if one.action == "split":
            parent = self._blocks[one.parent]
            parent.split_on = one.date
            one_state = one.state or parent.state
            self._blocks[one.block] = Block(one, 1, one.date, one_state, parent.replaced)
        else:
            _advance(self._blocks, one)


def _advance(blocks: dict[str, Block], one: Event) -> None:
    """A block after one more of its events."""
    known = blocks.get(one.block)
    if known is None:
        parent = blocks.get(one.parent) if one.parent else None
        blocks[one.block] = Block(one, 1, one.date, one.state or (parent.state if parent else ""), parent.replaced if parent else False)
        return
    known.event, known.date = int(one.event), one.date
    if one.action == "state":
        known.state = one.state
    elif one.action == "replace":
        known.replaced = True


_About = tuple[str, str, str, int, str, str]
_MOVED = ("block", "date", "action", "state", "parent", "issued_tCO2e", "project", "module", "coalesce(kind, 'removal')", "vintage",
          "risk_share", "league_shares")  # fmt: skip


@dataclass(slots=True)
class _Units:
    """A block while its movements are read."""

    about: _About
    units: int
    state: str
    replaced: bool = False


def _move(row: tuple[Any, ...], blocks: dict[str, _Units], sums: dict[tuple[str, _About, str], int]) -> None:
    """The movements of one event."""
    name, date, action, state, parent, issued, *about = row
    if action == "issue":
        block = blocks[name] = _Units(tuple(about), issued, state)
        _add(sums, block, date, issued)
    elif action == "split":
        whole = blocks[parent]
        _add(sums, whole, date, -issued)
        block = blocks[name] = _Units(whole.about, issued, whole.state, whole.replaced)
        _add(sums, block, date, issued)
    elif action == "state":
        block = blocks[name]
        _add(sums, block, date, -block.units)
        block.state = state
        _add(sums, block, date, block.units)
    else:
        block = blocks[name]
        block.replaced = True
        key = (date, block.about, f"{REPLACED}{block.state}")
        sums[key] = sums.get(key, 0) + block.units


def _add(sums: dict[tuple[str, _About, str], int], block: _Units, date: str, units: int) -> None:
    """Units into the state of a block, and beside it where they were replaced."""
    key = (date, block.about, block.state)
    sums[key] = sums.get(key, 0) + units
    if block.replaced:
        key = (date, block.about, f"{REPLACED}{block.state}")
        sums[key] = sums.get(key, 0) + units


def _event(row: Iterable[object]) -> Event:
    return Event._make("" if cell is None else str(cell) for cell in row)


def read_events(path: Path, where: str, found: list[Finding]) -> Iterator[tuple[str, Event, str]]:
    """Events of a CSV or Excel file of the table `ledger`, in the order of the file; an export carries its chain."""
    for line, cells in read_rows(path, LEDGER, where, found):
        yield f"{where}: {line}", Event._make(cells[1:-2]), cells[-1]


def is_ledger(path: Path) -> bool:
    """Is a file an SQLite file (a ledger), and not a table of events?"""
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


@contextlib.contextmanager
def open_source(path: Path, where: str) -> Iterator[Ledger]:
    """A ledger to read: the file itself, or a table of events taken into memory with all its checks.

    Raises
    ------
    InputError
        With every finding of the file.
    """
    try:
        ledger = Ledger(path if is_ledger(path) else None)
    except FileNotFoundError as error:
        raise InputError(finding("E-FILE-01", where)) from error
    with ledger:
        if not is_ledger(path):
            found: list[Finding] = []
            ledger.append(read_events(path, where, found), found=found)
        yield ledger
