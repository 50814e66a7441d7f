"""A retrieval before its first pixel: the run that it serves, its predictors on that run's grid, its places on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aoi.findings import Finding, InputError, errors, finding
from aoi.guard import guarded_path
from sinks.config import LAND_COVER, STAND_AGE, Config, LayerSection, PlotSection, RetrievalSection, read_config
from sinks.layers.cloud.local import shelf_of
from sinks.layers.cloud.request import Footprint
from sinks.layers.inputs import Source, build_stack, find_sources, valid_range, with_blocks
from sinks.layers.layer import Stack
from sinks.setup import Setup, set_up_config

MODELS, CARD, TRAINING = "model.skops", "model.json", "training.csv"
MEMBERS, RECORD = "members.csv", "predicted.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """What fitting and predicting share.

    Parameters
    ----------
    run : Setup
        The run without the layers that the model makes.
    stack : Stack
        Land cover, strata and predictors on the run's grid.
    predictors : tuple of str
        In the order of the configuration: the order in which a model takes them.
    target : LayerSection
        The layer that is made; ``layer`` in the section of plots names it.
    valid : tuple of float
        What the layer can hold.
    """

    run: Setup
    stack: Stack
    sources: tuple[Source, ...]
    predictors: tuple[str, ...]
    plots: PlotSection
    settings: RetrievalSection
    target: LayerSection
    valid: tuple[float, float]
    folder: Path
    findings: tuple[Finding, ...]

    @property
    def layer(self) -> str:
        """The name of the layer that is made."""
        return self.plots.layer

    @property
    def se_layer(self) -> str:
        """The name of its layer of standard errors."""
        return self.target.se or f"{self.layer}_se"

    def classes(self) -> tuple[str, ...]:
        """Layers whose codes tell rows of the activity tables apart."""
        return (LAND_COVER, *(layer for _, layer in self.run.plan.strata))


def retrieval_of(path: Path, roots: Sequence[str] = (), *, of_plots: bool = False) -> Retrieval:
    """The retrieval of a run file.

    Parameters
    ----------
    of_plots : bool
        Predictors are needed for the year of the plots; else for the dates of the run.

    Raises
    ------
    InputError
        With all findings: sections or predictors missing, a layer that is not declared,
        everything that a run would find in its land cover, zones and predictors.
    """
    config, notes = read_config(path)
    plots, settings = config.plots, config.retrieval
    if plots is None or settings is None or not config.predictors:
        missing = [name for name, given in (("plots", plots), ("retrieval", settings), ("predictors", config.predictors)) if not given]
        raise InputError(finding("E-RETR-11", path.name, sections=", ".join(f"[{name}]" for name in missing)))
    target = config.layers.get(plots.layer)
    found = [finding("E-RETR-01", f"{path.name}: predictors.{name}", name=name) for name in config.predictors if name in config.layers]
    if target is None:
        found.append(finding("E-RETR-09", f"{path.name}: layers.{plots.layer}", layer=plots.layer))
    elif (valid := valid_range(plots.layer, target)) is None:
        found.append(finding("E-RETR-10", f"{path.name}: layers.{plots.layer}.valid", layer=plots.layer))
    dates = (plots.year,) if of_plots else config.run.dates
    found += _undated(config, dates, path.name)
    if found or target is None or valid is None:
        raise InputError(found)
    kept = {name: config.layers[name] for name in (LAND_COVER, *config.strata.values(), *({STAND_AGE} & config.layers.keys()))}
    run = set_up_config(config.model_copy(update={"layers": kept, "maps": ()}), notes, path.resolve().parent, roots)
    if run.vectors:
        raise InputError(finding("E-TUBAN-22", f"{path.name}: layers.{run.vectors[0].layer}", file=run.vectors[0].label))
    stack, sources = _with_predictors(run, config, dates)
    folder = guarded_path(settings.output, base=run.folders.base, roots=(Path(run.folders.base.anchor),), where="retrieval.output")
    return Retrieval(
        run=run, stack=stack, sources=sources, predictors=tuple(config.predictors), plots=plots, settings=settings, target=target, valid=valid,
        folder=folder, findings=run.findings,
    )  # fmt: skip


def _undated(config: Config, dates: tuple[int, ...], where: str) -> list[Finding]:
    """Predictors that have no files for a date."""
    found = []
    for name, section in config.predictors.items():
        missing = section.lacks(dates)
        if missing:
            years = ", ".join(map(str, section.years))
            found.append(finding("E-YEAR-01", f"{where}: predictors.{name}", missing=", ".join(map(str, missing)), years=years))
    return found


def _with_predictors(run: Setup, config: Config, dates: tuple[int, ...]) -> tuple[Stack, tuple[Source, ...]]:
    """The stack of a run with its predictors; classes keep the codes that mean no data."""
    section = config.run.model_copy(update={"years": dates, "base_year": None})
    predictors = config.model_copy(update={"run": section, "layers": config.predictors, "strata": {}})
    shelf = shelf_of(config, Footprint(run.zone_sets[0]), run.folders.base, run.folders.roots)
    sources, found = find_sources(predictors, run.folders, shelf)
    if errors(found):
        raise InputError(found)
    stack, more = build_stack(predictors, sources, run.grid, {}, {})
    if errors(more):
        raise InputError([*found, *more])
    if any(source.stored is not None for source in sources):
        placed, stack, more = with_blocks(sources, stack, tuple(run.coverage().tiles()))
        sources = list(placed)
        if errors(more):
            raise InputError(more)
    layers = (*run.stack.layers, *stack.layers)
    return Stack(grid=run.grid, layers=layers, years=dates, derived=run.stack.derived), (*run.sources, *sources)
