"""``sinks retrieve``: from plots and predictor rasters to a layer of a run."""

import json
from pathlib import Path
from typing import Any

import click

from aoi.texts import text
from sinks.cli import printable, show_findings
from sinks.commands.shared import engine_of, engine_options, output_options, progress, run_file, stop_on_owners
from sinks.estimation.fit import Fit, fit_model, keep_fit
from sinks.estimation.predict import predict, run_sections
from sinks.estimation.retrieval import retrieval_of
from sinks.provenance import locked


@click.group(help=text("help.retrieve"))
def command() -> None:
    """Fit, then predict."""


@command.command("fit", help=text("help.retrieve.fit"))
@run_file
@output_options
def fit(run_file: Path, roots: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """A model, its cross-validation and its training data."""
    stop_on_owners()
    retrieval = retrieval_of(run_file, roots, of_plots=True)
    with locked(retrieval.folder), progress(text("progress.members"), quiet or as_json) as show:
        made = fit_model(retrieval, show)
        keep_fit(retrieval, made)
    if as_json:
        click.echo(json.dumps({**made.card, "findings": [one.as_dict() for one in made.findings]}, ensure_ascii=False, indent=1))
        return
    if not quiet:
        for line in fit_lines(made, retrieval.target.unit or ""):
            click.echo(printable(line))
        click.echo(text("retrieve.kept", folder=retrieval.settings.output))
    show_findings(made.findings)


def fit_lines(made: Fit, unit: str) -> list[str]:
    """A fit in words."""
    card = made.card
    lines = [text("retrieve.model", kind=text(f"retrieve.{card['kind']}"), plots=card["plots"], members=card["members"])]
    for name in ("random", "spatial"):
        way = card["validation"][name]
        said: dict[str, Any] = {key: f"{way[key]:.2f}" for key in ("bias", "rmse", "r2")}
        coverage = f"{way['coverage']:.1%}"
        lines.append(text(f"retrieve.{name}", **said, unit=unit, interval=f"{way['interval']:.0%}", coverage=coverage))
    far = card["variogram"]
    if far["correlation_km"] is None:
        lines.append(text("retrieve.no_correlation"))
    else:
        whole = far["nugget"] + far["sill"]
        lines.append(
            text("retrieve.correlation", length=f"{far['correlation_km']:.0f}", nugget=f"{far['nugget'] / whole:.0%}" if whole > 0 else "-")
        )
    counts = ", ".join(f"{name} {share:.0%}" for name, share in sorted(card["importances"].items(), key=lambda one: -one[1]))
    return [*lines, text("retrieve.importances", shares=counts)]


@command.command("predict", help=text("help.retrieve.predict"))
@run_file
@engine_options
@output_options
def predict_layer(
    run_file: Path, roots: tuple[str, ...], threads: int | None, workers: int | None, scheduler: str | None, window: int, quiet: bool, as_json: bool
) -> None:  # fmt: skip
    """Density, standard error, interval and applicability for every date, and the sums of the members."""
    stop_on_owners()
    retrieval = retrieval_of(run_file, roots)
    with locked(retrieval.folder), progress(text("progress.predict"), quiet or as_json) as show:
        record, found = predict(retrieval, engine_of(threads, workers, scheduler, window), show)
    if as_json:
        click.echo(json.dumps({**record, "findings": [one.as_dict() for one in found]}, ensure_ascii=False, indent=1))
        return
    if not quiet:
        click.echo(text("retrieve.predicted", number=len(record["files"]), folder=retrieval.settings.output))
        click.echo(run_sections(retrieval))
    show_findings(found)
