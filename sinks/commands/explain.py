"""``sinks explain``: a number back to rows, factors, sources and arithmetic."""

import dataclasses
import json
from pathlib import Path

import click

from aoi.texts import text
from sinks.assessment.explain import as_data, explain_offset
from sinks.assessment.explain import as_lines as as_steps
from sinks.explain import Asked, as_lines, explain
from sinks.tables import APPROACHES, ECOSYSTEMS, POOLS


@click.command(help=text("help.explain"))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--zone", required=True, help=text("option.zone"))
@click.option("--ecosystem", type=click.Choice(ECOSYSTEMS), help=text("option.ecosystem"))
@click.option("--year", required=True, type=int, help=text("option.year"))
@click.option("--pool", type=click.Choice(POOLS), help=text("option.pool"))
@click.option("--table", type=click.Choice(["stocks", "removals", "offsets"]), default="stocks", show_default=True, help=text("option.table"))
@click.option("--approach", type=click.Choice(APPROACHES), default="stock_difference", show_default=True, help=text("option.approach"))
@click.option("--json", "as_json", is_flag=True, help=text("option.json"))
def command(out: Path, zone: str, ecosystem: str | None, year: int, pool: str | None, table: str, approach: str, as_json: bool) -> None:
    """The leaves of a number with the terms that make them."""
    if table == "offsets":
        steps = explain_offset(out, zone, year)
        click.echo(json.dumps(as_data(steps), ensure_ascii=False, indent=1) if as_json else "\n".join(as_steps(steps)))
        return
    if ecosystem is None:
        raise click.MissingParameter(param_hint="--ecosystem", param_type="option")
    leaves = explain(out, Asked(zone=zone, ecosystem=ecosystem, year=year, pool=pool, approach=approach), table)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(leaf) for leaf in leaves], ensure_ascii=False, indent=1, default=str))
        return
    click.echo("\n".join(as_lines(leaves)))
