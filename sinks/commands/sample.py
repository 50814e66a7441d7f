"""``sinks sample``: a design of reference points, sized for what is to be known, and the points."""

from pathlib import Path

import click
import numpy as np
import pandas as pd

from aoi.findings import Finding, InputError, finding
from aoi.table import replace_file
from aoi.texts import text
from sinks.checking import ready
from sinks.cli import printable, show_findings
from sinks.commands.shared import engine_of, engine_options, output_options, progress, stop_on_owners
from sinks.estimation.design import (
    STRATA,
    Design,
    Goal,
    check_goal,
    design_of,
    expected_shares,
    indicator_deviations,
    read_strata,
    shortfalls,
)
from sinks.estimation.draw import Sampler, places_of
from sinks.estimation.points_file import write_points
from sinks.estimation.strata import Counts, Question
from sinks.layers.windows import Progress
from sinks.setup import Setup, carbon_per_unit, set_up
from sinks.units import to_tonnes_per_hectare

Name = tuple[int, str]


@click.command(help=text("help.sample"))
@click.argument("run_file", metavar="[RUN.toml]", required=False, type=click.Path(path_type=Path))
@click.option("--root", "roots", multiple=True, help=text("option.root"))
@click.option("--strata", "strata_file", type=click.Path(path_type=Path), help=text("option.strata_file"))
@click.option("--number", type=int, help=text("option.number"))
@click.option("--se-area-ha", type=float, help=text("option.se_area"))
@click.option("--se-carbon-tc", "se_carbon", type=float, help=text("option.se_carbon"))
@click.option("--target", help=text("option.target"))
@click.option("--users-accuracy", type=click.FloatRange(0.01, 0.99), default=0.8, show_default=True, help=text("option.users_accuracy"))
@click.option(
    "--ecosystem", type=click.Choice(["forest", "grassland", "wetland", "all"]), default="forest", show_default=True, help=text("option.by")
)
@click.option("--year", type=int, help=text("option.sample_year"))
@click.option("--layer", default="aboveground_biomass", show_default=True, help=text("option.carbon_layer"))
@click.option("--minimum", type=click.IntRange(2), default=20, show_default=True, help=text("option.minimum"))
@click.option("--edge", type=click.IntRange(0, 20), default=0, show_default=True, help=text("option.edge"))
@click.option("--seed", type=click.IntRange(0), help=text("option.seed"))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("points.gpkg"), show_default=True, help=text("option.points"))
@engine_options
@output_options
def command(
    run_file: Path | None, roots: tuple[str, ...], strata_file: Path | None, number: int | None, se_area_ha: float | None, se_carbon: float | None,
    target: str | None, users_accuracy: float, ecosystem: str, year: int | None, layer: str, minimum: int, edge: int, seed: int | None, output: Path,
    threads: int | None, workers: int | None, scheduler: str | None, window: int, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Strata of a run, or strata that are given."""
    found = check_goal(number, se_area_ha, se_carbon)
    if (run_file is None) == (strata_file is None):
        found.append(finding("E-SAMPLE-02", "sinks sample"))
    if output.suffix.lower() != ".gpkg":
        found.append(finding("E-SAMPLE-07", output.name))
    if found:
        raise InputError(found)
    goal = Goal(number=number, se_area_ha=se_area_ha, se_carbon_tC=se_carbon, minimum=minimum)
    table = output.with_name(f"{output.stem}_strata.csv")
    if strata_file is not None:
        names, areas, deviations = read_strata(strata_file, goal, strata_file.name)
        design = design_of(names, areas, deviations, goal)
        said: list[Finding] = []
    else:
        stop_on_owners()
        setup = ready(set_up(run_file or Path(), roots))
        question = question_of(setup, ecosystem, year, edge, layer if goal.kind == "carbon" else None)
        sampler = Sampler(setup=setup, question=question, engine=engine_of(threads, workers, scheduler, window))
        with progress(text("progress.sample"), quiet or as_json) as show:
            design, said = drawn(sampler, goal, target, users_accuracy, setup.config.run.seed if seed is None else seed, output, show)
    replace_file(table, STRATA.to_csv(STRATA.typed(design.frame())).encode("utf-8"))
    if not quiet and not as_json:
        for line in design_lines(design, goal):
            click.echo(printable(line))
        if goal.kind == "area" and strata_file is None:
            click.echo(text("sample.assumed", users=f"{users_accuracy:.0%}"))
        click.echo(
            text("sample.kept", names=", ".join([table.name, *([] if strata_file else [output.name, output.with_suffix(".csv").name])]))
        )
    show_findings(said, as_json)


def question_of(setup: Setup, ecosystem: str, year: int | None, edge: int, layer: str | None) -> Question:
    """The question of the options: change between the last two dates, or the land of one year.

    Raises
    ------
    InputError
        A year or layer that the run does not have.
    """
    dates = setup.config.run.dates
    if year is not None and year not in dates:
        raise InputError(finding("E-SAMPLE-08", "--year", year=year, years=", ".join(map(str, dates))))
    if layer is not None and (not setup.stack.has(layer) or setup.stack.layer(layer).kind != "values"):
        raise InputError(finding("E-SAMPLE-04", "--layer", layer=layer))
    years = (year,) if year is not None else dates[-2:]
    return Question(years=years, ecosystem=None if ecosystem == "all" else ecosystem, edge=edge, layer=layer)


def drawn(
    sampler: Sampler, goal: Goal, target: str | None, users: float, seed: int, output: Path, show: Progress | None
) -> tuple[Design, list[Finding]]:
    """Count, size and draw; writes the points."""
    setup = sampler.setup
    counts = sampler.count(show)
    totals = {name: sums for name, sums in counts.totals().items() if name[1]}
    codes = sampler.coverage.codes
    names = list(totals)
    labels = [f"{codes[zone]}/{name}" for zone, name in names]
    sums = np.array([totals[name] for name in names])
    design = design_of(
        labels, sums[:, 0], _deviations(setup, sampler.question, names, sums, goal, target, users), goal, sums[:, 5].astype(np.int64)
    )
    cells = sampler.draw(counts, dict(zip(names, design.samples.tolist(), strict=True)), seed)
    design = Design(
        strata=design.strata, areas=design.areas, deviations=design.deviations, reached=design.reached,
        samples=np.array([len(cells[name]) for name in names], dtype=np.int64),
    )  # fmt: skip
    write_points(_points(sampler, design, names, cells, seed), output)
    return design, [*setup.findings, *_said(counts, sampler.question, design, goal)]


def _deviations(
    setup: Setup, question: Question, names: list[Name], sums: np.ndarray, goal: Goal, target: str | None, users: float
) -> np.ndarray | None:
    """What is expected to vary inside each stratum."""
    if goal.kind == "carbon":
        known = np.maximum(sums[:, 2], np.finfo(float).tiny)
        spread = np.maximum(sums[:, 4] / known - (sums[:, 3] / known) ** 2, 0.0)
        section = setup.config.layers[str(question.layer)]
        per = carbon_per_unit(section.basis, setup.factors) * to_tonnes_per_hectare(section.unit) if section.basis and section.unit else 1.0
        return np.asarray(np.sqrt(spread) * per)
    if goal.kind == "number" and target is None:
        return None
    classes = sorted({name for _, name in names})
    wanted = target or next((name for name in classes if name.endswith("_loss")), None)
    if wanted not in classes:
        raise InputError(finding("E-SAMPLE-09", "--target", target=target or "-", classes=", ".join(classes)))
    hit = np.array([name == wanted for _, name in names])
    return indicator_deviations(expected_shares(sums[:, 0], hit, users))


def _points(sampler: Sampler, design: Design, names: list[Name], cells: dict[Name, list[tuple[int, int]]], seed: int) -> pd.DataFrame:
    """The points in an order of chance, so that nobody who looks at them knows the stratum by its place."""
    codes = sampler.coverage.codes
    rows = [
        (label, codes[name[0]], name[1], weight, *cell)
        for name, label, weight in zip(names, design.strata, design.weights, strict=True) for cell in cells[name]
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["stratum", "zone", "map_class", "weight", "row", "col"])
    frame = frame.iloc[np.random.default_rng(seed).permutation(len(frame))].reset_index(drop=True)
    longitude, latitude = places_of(sampler.setup, frame["row"].to_numpy(dtype=np.int64), frame["col"].to_numpy(dtype=np.int64))
    return frame.assign(id=np.arange(1, len(frame) + 1), XCoordinate=longitude, YCoordinate=latitude)


def _said(counts: Counts, question: Question, design: Design, goal: Goal) -> list[Finding]:
    """What a reader of the design must know."""
    found = []
    few = shortfalls(design, goal.minimum)
    if few:
        told = ", ".join(f"{name} {number}" for name, number in few.items())
        found.append(finding("W-SAMPLE-01", "sinks sample", strata=told, minimum=goal.minimum))
    if question.edge:
        found.append(finding("W-SAMPLE-02", "--edge", edge=question.edge))
    unknown = sum(float(sums[0]) for (_, name), sums in counts.totals().items() if not name)
    if unknown > 0:
        found.append(finding("W-SAMPLE-03", "land_cover", area=f"{unknown:,.1f}"))
    return found


def design_lines(design: Design, goal: Goal) -> list[str]:
    """The design in words."""
    lines = [
        text("sample.row", name=name, area=f"{area:,.1f}", number=int(number), weight=f"{weight:,.1f}")
        for name, area, number, weight in zip(design.strata, design.areas, design.samples, design.weights, strict=True)
    ]
    lines.append(text("sample.total", number=int(design.samples.sum()), strata=len(design.strata)))
    if design.reached == design.reached:
        unit = "t C" if goal.kind == "carbon" else "ha"
        lines.append(text("sample.reached", se=f"{design.reached:,.1f}", unit=unit))
    return lines
