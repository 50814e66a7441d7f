"""The past of land in a run: which layers tell of it, what is made of them, and what is wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from aoi.findings import Finding, InputError, finding
from sinks.accounting.growth import AGED
from sinks.accounting.history import AGE_RANGE, History
from sinks.config import AGE_CLASS, COHORT_FROM, COHORT_YEAR, LAND_COVER, STAND_AGE, Config
from sinks.factors.table import FactorTable
from sinks.layers.ages import AgeRule
from sinks.layers.cohorts import UNCHANGED, CohortRule
from sinks.layers.layer import Derivation
from sinks.legends.legend import BUILTIN, UNKNOWN, Legend, change_allowed, product_version
from sinks.tables import LAND_CLASSES

UNCHANGED_NAME = "unchanged"


def history_of(config: Config) -> History | None:
    """What a run knows of changes of land before its dates and between them; None where nothing tells of them."""
    dates = config.run.dates
    if config.history:
        years = tuple(sorted({*config.history, *dates}))
        return History(years=years, since=years[0], first=dates[0])
    if COHORT_YEAR in config.strata and config.cohorts.history_from is not None:
        return History(years=(), since=config.cohorts.history_from, first=dates[0])
    return None


def ages_stated(config: Config) -> int | None:
    """The year at which age classes are stated; None where they are those of each date."""
    layer = config.layers.get(config.strata.get(AGE_CLASS, ""))
    return config.ages.year if layer is not None and layer.file is not None and config.ages is not None else None


def past_settings(config: Config) -> dict[str, Any]:
    """What a run folder keeps of the past: maps and first year of the history, how changes are told, the year of ages."""
    history = history_of(config)
    return {"history": None if history is None else asdict(history), "confirm": config.cohorts.confirm, "ages_year": ages_stated(config)}


def past_of_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """History and year of ages as a `Reading` takes them, from the settings of a run folder."""
    kept = settings.get("past") or {}
    history = kept.get("history")
    return {
        "history": None if history is None else History(years=tuple(history["years"]), since=history["since"], first=history["first"]),
        "ages_year": kept.get("ages_year"),
    }  # fmt: skip


def derivations(config: Config, legends: Mapping[int, Legend | None], factors: FactorTable) -> tuple[Derivation, ...]:
    """The layers that a run makes of others: years of change from land cover, age classes from ages."""
    out: list[Derivation] = []
    legend = legends[config.run.dates[0]]
    history = history_of(config)
    if config.history and legend is not None and history is not None:
        places = {name: number for number, name in enumerate(LAND_CLASSES, start=1)} | {UNKNOWN: 0}
        window = int(np.ceil(factors.value[factors.rows("transition_years")[0]]))
        groups = tuple((code, places[name]) for code, name in zip(legend.codes, legend.land_classes, strict=True))
        out.append(
            CohortRule(
                layer=LAND_COVER, years=history.years, dates=config.run.dates, groups=groups, window=window, confirm=config.cohorts.confirm
            )
        )
    if STAND_AGE in config.layers:
        stated = config.ages.year if config.layers[STAND_AGE].file is not None and config.ages is not None else None
        edges = sorted({0, *(int(np.ceil(edge)) for name in AGED for edge in factors.edges(name))})
        out.append(AgeRule(layer=STAND_AGE, year=stated, dates=config.run.dates, edges=tuple(edges)))
    return tuple(out)


def derived_names(made: Sequence[Derivation]) -> dict[str, dict[int, str]]:
    """Names of the codes of layers that are made."""
    out: dict[str, dict[int, str]] = {}
    for one in made:
        if isinstance(one, CohortRule):
            out[COHORT_YEAR] = {UNCHANGED: UNCHANGED_NAME, **{year: str(year) for year in one.years}}
            out[COHORT_FROM] = {number: name for number, name in enumerate(LAND_CLASSES, start=1) if name != UNKNOWN}
        elif isinstance(one, AgeRule):
            out[AGE_CLASS] = one.class_names()
    return out


def named_years(config: Config) -> dict[int, str]:
    """Names of the codes of a user's own layer of years: those from ``history_from`` to the last date, and 0 for land that did not change."""
    first = config.cohorts.history_from or config.run.dates[-1]
    return {UNCHANGED: UNCHANGED_NAME, **{year: str(year) for year in range(first, config.run.dates[-1] + 1)}}


def named_ages(limits: pd.DataFrame, where: str) -> tuple[dict[int, str], list[Finding]]:
    """Names of the codes of a user's age classes (rows of `sinks.tables.AGE_CLASSES`), and classes that end before they begin."""
    names = {
        int(code): f"{first}-{'' if pd.isna(end) else end}"
        for code, first, end in zip(limits["code"], limits["age_from"], limits["age_to"], strict=True)
    }
    held = (limits["age_to"].isna() | (limits["age_to"] > limits["age_from"])).to_numpy(dtype=bool)
    wrong = [names[int(code)] for code in limits["code"][~held]]
    return names, [finding("E-AGE-03", where, values=", ".join(wrong))] if wrong else []


def check_age_names(names: Mapping[int, str], where: str) -> list[Finding]:
    """Names of age groups in survey polygons that are no ranges of years."""
    wrong = sorted({value for value in names.values() if not AGE_RANGE.fullmatch(value)})
    return [finding("E-AGE-03", where, values=", ".join(wrong))] if wrong else []


def check_history(config: Config) -> list[Finding]:
    """Years of land cover beside the dates: those that are of no use, of another version, or that may not be differenced."""
    layer = config.layers[LAND_COVER]
    place = "layers.land_cover"
    other = [year for year in layer.files if year is not None and year not in config.run.dates]
    if not config.history:
        before = [year for year in other if year < config.run.dates[-1]]
        if not before or not config.cohorts.use:
            return []
        said = {"years": ", ".join(map(str, before)), "own": COHORT_YEAR in config.strata, "change": layer.change or "-", "legend": layer.legend or "-"}
        return [finding("W-COHORT-01", place, **said)]
    years = sorted({*config.history, *config.run.dates})
    noted = [finding("N-COHORT-01", place, first=years[0], years=", ".join(map(str, years)))]
    if layer.legend not in BUILTIN:
        return noted
    return [*noted, *_versions(str(layer.legend), years, config)]


def _versions(product: str, years: Sequence[int], config: Config) -> list[Finding]:
    """Years before the dates that a product does not have, of another version, or that its guide says not to difference."""
    found, versions = [], {}
    for year in years:
        try:
            versions[year] = str(product_version(product, year)["version"])
        except InputError as error:
            found += [one for one in error.findings if year not in config.run.dates]
    for first, last in pairwise(sorted(versions)):
        both_dates = first in config.run.dates and last in config.run.dates
        place = f"layers.land_cover: {first}, {last}"
        if versions[first] != versions[last] and not both_dates:
            found.append(finding("E-LEGEND-13", place, product=product, versions=f"{versions[first]} / {versions[last]}"))
    if len(config.run.dates) == 1 and not found and not change_allowed(product, years[0], years[-1]):
        id = "W-LEGEND-14" if config.layers[LAND_COVER].change == "accept" else "E-LEGEND-14"
        found.append(finding(id, f"layers.land_cover: {years[0]}", product=product))
    return found
