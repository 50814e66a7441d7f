"""``sinks growth``: growth curves from plots of age and biomass, and increments by age for ``[factors]``."""

import json
from pathlib import Path

import click

from aoi.guard import guarded_path
from aoi.texts import text
from sinks.cli import printable, show_findings
from sinks.commands.shared import output_options, run_file, stop_on_owners
from sinks.config import read_config
from sinks.estimation.growth import GROWTH_CURVES, Fitted, estimate_growth
from sinks.factors.table import FACTORS
from sinks.layers.inputs import folders_of


@click.command(help=text("help.growth"))
@run_file
@output_options
def command(run_file: Path, roots: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Fit, write curves and factors beside the run file, and say how good they are."""
    stop_on_owners()
    config, found = read_config(run_file)
    folders = folders_of(config, run_file.resolve().parent, roots)
    result = estimate_growth(config, folders)
    text_of = config.growth.output if config.growth is not None else ""
    folder = guarded_path(text_of, base=folders.base, roots=(folders.base,), where="growth.output")
    GROWTH_CURVES.write(result.curves, folder / "growth_curves.csv")
    FACTORS.write(result.factors, folder / "growth_factors.csv")
    told = [*found, *result.findings]
    if as_json:
        rows = json.loads(result.curves.to_json(orient="records"))
        click.echo(json.dumps({"curves": rows, "findings": [one.as_dict() for one in told]}, ensure_ascii=False, indent=1))
        return
    if not quiet:
        for one in result.fitted:
            click.echo(printable(_line(one)))
        click.echo(text("growth.kept", folder=text_of, rows=len(result.factors)))
    show_findings(told)


def _line(one: Fitted) -> str:
    """A curve in words."""
    asymptote, rate, shape = (f"{value:.4g}" for value in one.parameters)
    return text(
        "growth.row", type=one.stands.vegetation_type, form=one.form, plots=len(one.stands.age), groups=one.stands.groups,
        youngest=f"{one.stands.age.min():g}", oldest=f"{one.stands.age.max():g}", asymptote=asymptote, rate=rate, shape=shape, spread=f"{one.spread:.1f}",
        r2=f"{one.fit.r2:.2f}", rmse=f"{one.left_out.rmse:.1f}", bias=f"{one.left_out.bias:+.1f}", skill=f"{one.skill:.2f}",
    )  # fmt: skip
