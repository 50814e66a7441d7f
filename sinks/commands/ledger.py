"""``sinks ledger``: units of projects into a ledger, out of it, and how they stand."""

import csv
import datetime
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from aoi.findings import Finding, InputError, errors
from aoi.leagues import leagues
from aoi.table import replace_file
from aoi.texts import current_language, text
from methodologies.discovery import discover
from sinks.assessment.guard import check_ledger, known_statuses
from sinks.assessment.ledger import Ledger, open_source, read_events
from sinks.assessment.movements import EVER
from sinks.assessment.sources import Source, Sources, read_known
from sinks.assessment.words import state_name
from sinks.assessment.workbook import ledger_workbook
from sinks.cli import show_findings
from sinks.tables import LEDGER, UNIT_STATES


@click.group(help=text("help.ledger"))
def command() -> None:
    """The ledger of units."""


@command.command(name="import", help=text("help.ledger.import"))
@click.argument("ledger", metavar="LEDGER", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("events", metavar="EVENTS", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--parcels", type=click.Path(path_type=Path), help=text("option.parcels"))
@click.option("--others", type=click.Path(path_type=Path), help=text("option.others"))
@click.option("--quantifications", multiple=True, type=click.Path(path_type=Path), help=text("option.quantifications"))
@click.option("--json", "as_json", is_flag=True, help=text("option.json"))
def import_events(
    ledger: Path, events: Path, parcels: Path | None, others: Path | None, quantifications: tuple[Path, ...], as_json: bool
) -> None:
    """Append a table of events, or nothing of it."""
    sources = Sources(
        parcels=_source(parcels), others=_source(others), quantifications=tuple(Source(path, path.name) for path in quantifications)
    )
    found: list[Finding] = []
    with Ledger(ledger, create=True) as book:
        known, _ = read_known(sources, leagues().codes)
        appended = book.append(
            read_events(events, events.name, found), lambda whole: check_ledger(whole, replace(known, statuses=_statuses(whole))), found
        )  # fmt: skip
    show_findings(found, as_json)
    if not as_json:
        click.echo(
            text(
                "ledger.appended", added=appended.added, known=appended.known, entries=appended.head.entries, head=appended.head.sha256[:16]
            )
        )


def _source(path: Path | None) -> Source | None:
    return None if path is None else Source(path, path.name)


def _statuses(ledger: Ledger) -> Mapping[str, str]:
    """Status of the modules that are installed, asked for only when a ledger names one that the program does not know."""
    if all(module in known_statuses() for (module,) in ledger.distinct("module")):
        return {}
    return {id: one.methodology.status for id, one in discover().loaded.items()}


@command.command(name="export", help=text("help.ledger.export"))
@click.argument("ledger", metavar="LEDGER", type=click.Path(path_type=Path, dir_okay=False))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help=text("option.ledger_output"))
@click.option("--as-of", help=text("option.as_of"))
def export(ledger: Path, output: Path, as_of: str | None) -> None:
    """A ledger as CSV, with its chain, or as a workbook."""
    with Ledger(ledger) as book:
        _stop(book)
        rows = list(book.rows(_date(as_of)))
    if output.suffix.lower() == ".xlsx":
        replace_file(output, ledger_workbook(rows))
    else:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(LEDGER.names)
        writer.writerows(rows)
        replace_file(output, buffer.getvalue().encode("utf-8"))
    click.echo(text("ledger.exported", n=len(rows), file=output.name))


@command.command(help=text("help.ledger.show"))
@click.argument("ledger", metavar="LEDGER", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--as-of", help=text("option.as_of"))
def show(ledger: Path, as_of: str | None) -> None:
    """How many units of each project, methodology and vintage are in which state."""
    date = _date(as_of)
    with open_source(ledger, ledger.name) as book:
        _stop(book)
        head, movements = book.head(), book.movements()
    sums: dict[tuple[str, str, int, str], int] = {}
    for one in movements:
        if one.date <= date and one.state in UNIT_STATES:
            key = one.project, one.module, one.vintage, one.state
            sums[key] = sums.get(key, 0) + int(one.units)
    click.echo(text("ledger.head", name=ledger.name, entries=head.entries, head=head.sha256[:16]))
    for (project, module, vintage, state), units in sorted(sums.items()):
        if units:
            click.echo(
                text("ledger.line", project=project, module=module, vintage=vintage, state=state_name(state, current_language()), units=f"{units:,}")
            )  # fmt: skip
    click.echo(text("ledger.total", units=f"{sum(sums.values()):,}", date=text("ledger.all") if date == EVER else date))


def _date(asked: str | None) -> str:
    if asked is None:
        return EVER
    try:
        return datetime.date.fromisoformat(asked).isoformat()
    except ValueError as error:
        raise click.BadParameter(asked, param_hint="--as-of") from error


def _stop(book: Ledger) -> None:
    found = errors(book.verify())
    if found:
        raise InputError(found)
