"""Where the units, parcels, emissions and quantifications of a run come from: noted in the run folder, read again from there."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aoi.findings import Finding, InputError, errors, finding
from aoi.parcels import Parcels, read_parcels
from sinks.assessment.guard import Known, check_ledger
from sinks.assessment.ledger import Ledger, is_ledger, open_source
from sinks.config import Config
from sinks.layers.inputs import Folders
from sinks.provenance import file_sha256, read_json, write_json
from sinks.tables import EMISSIONS, QUANTIFICATIONS

NOTE = "assessment/sources.json"


@dataclass(frozen=True, slots=True)
class Source:
    """One file: where it is, and what messages call it."""

    path: Path
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The files of an assessment; what a run does not name is None or empty."""

    ledger: Source | None = None
    others: Source | None = None
    parcels: Source | None = None
    emissions: Source | None = None
    quantifications: Sequence[Source] = ()
    columns: Mapping[str, str] | None = None

    def digest(self) -> dict[str, Any]:
        """What the tables of the offset depend on; a ledger by its chain, another file by its bytes."""
        ledger: Any = None
        if self.ledger is not None:
            ledger = _head(self.ledger)
        files = {"others": self.others, "parcels": self.parcels, "emissions": self.emissions}
        return {
            "ledger": ledger,
            **{name: None if source is None else _sha256(source) for name, source in files.items()},
            "quantifications": [_sha256(source) for source in self.quantifications],
            "columns": dict(self.columns or {}),
        }


def _head(source: Source) -> Any:
    if not source.path.is_file():
        raise InputError(finding("E-OFFSET-01", source.label))
    if not is_ledger(source.path):
        return file_sha256(source.path)
    with Ledger(source.path) as ledger:
        head = ledger.head()
    return [head.entries, head.sha256]


def _sha256(source: Source) -> str:
    if not source.path.is_file():
        raise InputError(finding("E-OFFSET-01", source.label))
    return file_sha256(source.path)


def note_sources(config: Config, folders: Folders, out: Path) -> None:
    """Write down where the files of the assessment are, relative to the run folder, so that offsets can be made again without the configuration.

    Raises
    ------
    InputError
        A path lies outside the folders that the configuration may read.
    """
    found, columns = _files_of(config, folders)
    note = {name: [[_from(out.resolve(), path), label] for path, label in files] for name, files in found.items()}
    write_json(out / NOTE, {**note, "columns": columns})


def _files_of(config: Config, folders: Folders) -> tuple[dict[str, list[tuple[Path, str]]], dict[str, str]]:
    """Paths and labels of the files that a configuration names, and the columns of its parcels."""
    wanted: dict[str, list[tuple[str, str]]] = {}
    if config.ledger is not None:
        wanted["ledger"] = [(config.ledger.file, "ledger.file")]
        wanted["others"] = [(config.ledger.others, "ledger.others")] if config.ledger.others else []
    wanted["parcels"] = [(config.parcels.file, "parcels.file")] if config.parcels is not None else []
    wanted["emissions"] = [(config.emissions.file, "emissions.file")] if config.emissions is not None else []
    wanted["quantifications"] = [(one, "quantifications.files") for one in (config.quantifications.files if config.quantifications else ())]
    found = {name: [folders.find(text, where) for text, where in texts] for name, texts in wanted.items()}
    names = config.parcels
    columns = (
        {} if names is None else {"project": names.project, "programme": names.programme, "vintage": names.vintage, "code": names.code}
    )
    return found, columns


def sources_of(config: Config, folders: Folders) -> Sources:
    """The files of an assessment as a configuration names them.

    Raises
    ------
    InputError
        A path lies outside the folders that the configuration may read.
    """
    files, columns = _files_of(config, folders)
    made = {name: [Source(path, label) for path, label in some] for name, some in files.items()}
    one = {name: next(iter(made.get(name, [])), None) for name in ("ledger", "others", "parcels", "emissions")}
    return Sources(**one, quantifications=tuple(made["quantifications"]), columns=columns or None)


def _from(out: Path, path: Path) -> str:
    """The way from the run folder to a file; the whole path where they lie on two drives."""
    try:
        return Path(os.path.relpath(path, out)).as_posix()
    except ValueError:
        return path.as_posix()


def missing_sources(config: Config, folders: Folders) -> list[Finding]:
    """Files of the assessment that are not there or lie outside the folders that may be read."""
    places = [
        ("ledger.file", config.ledger.file if config.ledger else None),
        ("ledger.others", config.ledger.others if config.ledger else None),
    ]
    places += [("emissions.file", config.emissions.file if config.emissions else None)]
    places += [("quantifications.files", one) for one in (config.quantifications.files if config.quantifications else ())]
    found: list[Finding] = []
    for where, text in places:
        try:
            if text is not None and not folders.resolve(text, where).is_file():
                found.append(finding("E-FILE-01", f"{where}: {text}"))
        except InputError as error:
            found += error.findings
    return found


def noted_sources(out: Path) -> Sources:
    """The files that a run noted; none where it noted none."""
    note = read_json(out / NOTE)
    if not isinstance(note, dict):
        return Sources()

    def of(name: str) -> list[Source]:
        return [Source((out.resolve() / path).resolve(), str(label)) for path, label in note.get(name, [])]

    def one(name: str) -> Source | None:
        return next(iter(of(name)), None)

    return Sources(
        ledger=one("ledger"), others=one("others"), parcels=one("parcels"), emissions=one("emissions"), quantifications=tuple(of("quantifications")),
        columns=note.get("columns") or None,
    )  # fmt: skip


def read_known(sources: Sources, leagues: Sequence[str] | None, statuses: Mapping[str, str] | None = None) -> tuple[Known, list[Finding]]:
    """What the units are held against, and what is wrong with it.

    Raises
    ------
    InputError
        With every finding of a file that cannot be used.
    """
    found: list[Finding] = []
    read: dict[str, Any] = {}
    for name, load in (
        ("quantifications", lambda: (read_quantifications(sources.quantifications), [])),
        ("parcels", lambda: _parcels(sources.parcels, sources.columns)),
        ("others", lambda: _parcels(sources.others, None)),
    ):
        try:
            read[name], more = load()
            found += [one for one in more if one.severity == "error"]
        except InputError as error:
            found += error.findings
    if errors(found):
        raise InputError(found)
    return Known(leagues=None if leagues is None else frozenset(leagues), statuses=statuses, **read), found


def _parcels(source: Source | None, columns: Mapping[str, str] | None) -> tuple[Parcels | None, list[Finding]]:
    return (None, []) if source is None else read_parcels(source.path, where=source.label, **(columns or {}))


def read_quantifications(sources: Sequence[Source]) -> pd.DataFrame | None:
    """Rows of all files of the table `quantifications`; the same project, module and vintage in two files would count twice.

    Raises
    ------
    InputError
        With every finding of every file.
    """
    if not sources:
        return None
    frames, found = [], []
    owners: dict[tuple[str, str, int, str], str] = {}
    for source in sources:
        try:
            frame = QUANTIFICATIONS.read(source.path, source.label)
        except InputError as error:
            found += error.findings
            continue
        for key in sorted(set(frame[["project", "module", "vintage", "period"]].itertuples(index=False, name=None))):
            if key in owners:
                found.append(finding("E-OFFSET-02", source.label, project=key[0], module=key[1], vintage=key[2], other=owners[key]))
            owners[key] = source.label
        frames.append(frame)
    if found:
        raise InputError(found)
    return pd.concat(frames, ignore_index=True)


def read_emissions(source: Source | None, leagues: Sequence[str]) -> pd.DataFrame | None:
    """Emissions of the leagues, where the user gives them.

    Raises
    ------
    InputError
        The file is not as declared, or names a league that the run does not have.
    """
    if source is None:
        return None
    frame = EMISSIONS.read(source.path, source.label)
    strange = sorted(set(frame["league"]) - set(leagues))
    if strange:
        raise InputError(finding("E-OFFSET-03", source.label, codes=", ".join(strange), known=", ".join(leagues)))
    return frame


@contextmanager
def guarded_ledger(source: Source | None, known: Known) -> Iterator[tuple[Ledger | None, list[Finding]]]:
    """The ledger of a run with its chain and its units checked; nothing where the run has none.

    Raises
    ------
    InputError
        The chain is broken, or a tonne has two owners.
    """
    with open_source(source.path, source.label) if source is not None else nullcontext() as ledger:
        if ledger is None:
            yield None, []
            return
        found = ledger.verify()
        found += [] if found else check_ledger(ledger, known)
        if errors(found):
            raise InputError(found)
        yield ledger, found
