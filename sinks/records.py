"""Tables that a bureau gives beside its rasters: official areas, and statistics of harvest, disturbance and planting."""

from collections.abc import Sequence

import pandas as pd

from aoi.findings import Finding, InputError, errors, finding
from aoi.sheets import read_sheet
from aoi.table import Column, Table
from aoi.texts import LANGUAGES, Language, text
from sinks.accounting.control_areas import GROUPS
from sinks.config import Config
from sinks.layers.inputs import Folders
from sinks.legends.legend import land_classes, vegetation_types
from sinks.tables import CONTROL_AREAS, EVENT_COMPONENTS, EVENT_UNITS, EVENTS

ANY = "-"
"""The stratum of a statistic that speaks of all of them."""
ARBOR = "arbor_forest"
"""The land class of statistics of forest that name none."""
SHEET = "#"
"""Between a workbook and its sheet."""


def read_control_areas(config: Config, folders: Folders, zones: Sequence[str]) -> tuple[pd.DataFrame | None, list[Finding]]:
    """Official areas of the zones of a run at its dates.

    Raises
    ------
    InputError
        With everything that is wrong: cells, zones that the run has not, lists that differ between dates.
    """
    if config.control_areas is None:
        return None, []
    frame, found, label = _read(config.control_areas.file, CONTROL_AREAS, "control_areas.file", folders)
    found += _unknown_zones(frame, zones, label)
    if config.accuracy is not None:
        found.append(finding("E-CTRL-02", "control_areas"))
    dates = config.run.dates
    others = sorted(set(frame["year"]) - set(dates))
    if others:
        found.append(finding("N-CTRL-09", label, years=", ".join(map(str, others)), dates=", ".join(map(str, dates))))
    frame = frame[frame["year"].isin(dates)].reset_index(drop=True)
    if not len(frame) and not errors(found):
        found.append(finding("E-CTRL-01", label, years=", ".join(map(str, others)) or "-", dates=", ".join(map(str, dates))))
    found += _listed_twice(frame, label) + _other_lists(frame, dates, label)
    if errors(found):
        raise InputError(found)
    return frame, found


def read_events(config: Config, folders: Folders, zones: Sequence[str]) -> tuple[pd.DataFrame | None, list[Finding]]:
    """Statistics of harvest, fuelwood, disturbance and planting.

    Raises
    ------
    InputError
        With everything that is wrong: cells, units of another component, zones, strata that nobody knows.
    """
    if config.events is None:
        return None, []
    frame, found, label = _read(config.events.file, EVENTS, "events.file", folders)
    found += _unknown_zones(frame, zones, label)
    types = (ANY, *vegetation_types()["vegetation_type"])
    ecosystems = dict(zip(land_classes()["land_class"], land_classes()["ecosystem"], strict=True))
    frame = frame.assign(land_class=frame["land_class"].fillna(ARBOR))
    for row in frame.itertuples():
        place = f"{label}: {row.Index + 2}"
        if row.unit not in EVENT_UNITS[row.component]:
            found.append(finding("E-EVENT-01", place, component=row.component, unit=row.unit, units=", ".join(EVENT_UNITS[row.component])))
        if row.stratum not in types:
            found.append(finding("E-EVENT-02", place, stratum=row.stratum, known=", ".join(types)))
        if ecosystems.get(row.land_class) != row.ecosystem:
            found.append(finding("E-EVENT-03", place, land_class=row.land_class, ecosystem=row.ecosystem))
        if row.component == "disturbance" and pd.isna(row.lost_fraction):
            found.append(finding("E-EVENT-04", place))
        if row.ecosystem != "forest":
            found.append(finding("E-EVENT-05", place, component=row.component, ecosystem=row.ecosystem))
    if errors(found):
        raise InputError(found)
    return frame, found


def _read(text: str, table: Table, place: str, folders: Folders) -> tuple[pd.DataFrame, list[Finding], str]:
    """The rows of a table that people fill in, CSV or a sheet of a workbook (``file.xlsx#sheet``)."""
    name, _, sheet = text.partition(SHEET)
    path, label = folders.find(name, place)
    words = {column.name: {word: code for language in LANGUAGES for word, code in words_of(table, column, language).items()} for column in table.columns}
    frame, found = read_sheet(path, table, label, sheet or None, words=words)
    if errors(found):
        raise InputError(found)
    return frame, found, label


def words_of(table: Table, column: Column, language: Language) -> dict[str, str]:
    """What people call the values of a column of choices: word -> value, in the order of the choices; nothing for other columns."""
    choices = (ANY, *vegetation_types()["vegetation_type"]) if (table.name, column.name) == ("events", "stratum") else column.choices
    named = _names(language)
    return {named.get(choice, choice): choice for choice in choices}


def _names(language: Language) -> dict[str, str]:
    """Names of land classes, vegetation types, ecosystems and components."""
    title = f"name_{language}"
    land = dict(zip(land_classes()["land_class"], land_classes()[title], strict=True))
    types = dict(zip(vegetation_types()["vegetation_type"], vegetation_types()[title], strict=True))
    ours = {name: text(f"words.{name}", language) for name in (*GROUPS, *EVENT_COMPONENTS)}
    return {**types, **land, **ours, ANY: text("words.any_stratum", language)}


def _unknown_zones(frame: pd.DataFrame, zones: Sequence[str], label: str) -> list[Finding]:
    unknown = sorted(set(frame["zone"]) - set(zones))
    return [finding("E-STAT-01", label, zones=", ".join(unknown), known=", ".join(zones[:20]))] if unknown else []


def _listed_twice(frame: pd.DataFrame, label: str) -> list[Finding]:
    """An ecosystem that is listed whole beside one of its classes."""
    ecosystems = dict(zip(land_classes()["land_class"], land_classes()["ecosystem"], strict=True))
    found = []
    for (zone, year), part in frame.groupby(["zone", "year"]):
        names = set(part["land_class"])
        twice = sorted(name for name in names & set(GROUPS) if any(ecosystems.get(other) == name for other in names))
        if twice:
            found.append(finding("E-CTRL-03", f"{label}: {zone}, {year}", ecosystems=", ".join(twice)))
    return found


def _other_lists(frame: pd.DataFrame, dates: Sequence[int], label: str) -> list[Finding]:
    """Zones whose list is another at another date: the difference would be change that exists only on paper."""
    found = []
    for zone, part in frame.groupby("zone"):
        lists = {year: frozenset(part.loc[part["year"] == year, "land_class"]) for year in dates}
        if len(set(lists.values())) > 1:
            said = "; ".join(f"{year}: {', '.join(sorted(names)) or '-'}" for year, names in lists.items())
            found.append(finding("E-CTRL-10", f"{label}: {zone}", lists=said))
    return found
