"""``sinks accuracy``: how right a map is, and how large its classes truly are."""

import json
from pathlib import Path

import click

from aoi.findings import Finding, InputError, finding
from aoi.texts import text
from sinks.cli import printable, show_findings
from sinks.estimation.accuracy import accuracy_of
from sinks.estimation.reference import read_areas, read_matrix, read_samples


@click.command(help=text("help.accuracy"))
@click.option("--matrix", type=click.Path(path_type=Path), help=text("option.matrix"))
@click.option("--samples", type=click.Path(path_type=Path), help=text("option.samples"))
@click.option("--areas", type=click.Path(path_type=Path), help=text("option.areas"))
@click.option("--json", "as_json", is_flag=True, help=text("option.json_result"))
def command(matrix: Path | None, samples: Path | None, areas: Path | None, as_json: bool) -> None:
    """A matrix with areas, or a sample with areas or weights."""
    if (matrix is None) == (samples is None) or (matrix is not None and areas is None):
        raise InputError(finding("E-ACC-12", "sinks accuracy"))
    found: list[Finding] = []
    mapped = None if areas is None else read_areas(areas, areas.name)
    if matrix is not None:
        reference = read_matrix(matrix, mapped or {}, matrix.name)
        where = matrix.name
    else:
        path = samples if samples is not None else Path()
        reference, found = read_samples(path, mapped, path.name)
        where = path.name
    result = accuracy_of(reference, where)
    result.findings[:0] = found
    if as_json:
        click.echo(json.dumps(result.plain(), ensure_ascii=False, indent=1))
        return
    for line in result.lines():
        click.echo(printable(line))
    show_findings(result.findings)
