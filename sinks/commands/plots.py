"""``sinks plots``: what field plots say of every zone, with and without the map."""

import json
from pathlib import Path
from typing import Any

import click

from aoi.texts import text
from sinks.checking import ready
from sinks.cli import printable, show_findings
from sinks.commands.shared import output_options, run_file, stop_on_owners
from sinks.estimation.plots import PLOT_ESTIMATES, estimate_plots
from sinks.pipeline import write_table
from sinks.provenance import locked
from sinks.setup import set_up


@click.command(help=text("help.plots"))
@run_file
@output_options
def command(run_file: Path, roots: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Estimates of means and totals, into the tables of the run."""
    stop_on_owners()
    setup = ready(set_up(run_file, roots))
    with locked(setup.out):
        frame, found = estimate_plots(setup)
        write_table(PLOT_ESTIMATES, frame, setup.out / "tables")
    if as_json:
        rows = json.loads(frame.to_json(orient="records"))
        click.echo(json.dumps({"estimates": rows, "findings": [one.as_dict() for one in found]}, ensure_ascii=False, indent=1))
        return
    if not quiet:
        for row in frame[frame["value_flag"] == "V"].itertuples():
            click.echo(printable(_line(row)))
        click.echo(text("plots.kept", folder=setup.config.run.output))
    show_findings(found)


def _line(row: Any) -> str:
    """An estimate in words."""
    mean, se_mean, total, se_total = (_shown(getattr(row, name)) for name in ("mean", "se_mean", "total", "se_total"))
    return text(
        "plots.row", zone=row.zone, estimator=text(f"plots.{row.estimator}"), plots=row.plots, unit=row.unit, mean=mean, se_mean=se_mean, total=total,
        se_total=se_total,
    )  # fmt: skip


def _shown(value: float) -> str:
    return text("accuracy.unknown") if value != value else f"{value:,.2f}"
