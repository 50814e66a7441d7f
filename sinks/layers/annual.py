"""Annual layers: burned area, production, greenness and weather, for any years, in a stack of their own.

They are no part of the pass over the dates of a run. A year of a layer whose encoding
has several files (months) keeps each month as a member; every other year is one member,
a mosaic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aoi.findings import Finding, finding
from aoi.grids import Grid
from sinks.config import ANNUAL_LAYERS, BURNED_AREA, NPP, SEVERAL, Config, LayerSection
from sinks.layers.cloud.local import Shelf
from sinks.layers.inputs import Folders, Source, build_stack, find_sources, possible_range, shared_by_years
from sinks.layers.layer import Layer, Stack
from sinks.units import to_tonnes_per_hectare

MONTHS = 12
BURNED_RANGE = {"mcd64a1": (-2.0, 366.0), "fraction": (0.0, 1.0), "binary": (0.0, 1.0)}
"""What the cells of a burned-area product can hold: day of burn with -1 missing and -2 water, a share, yes or no."""


def annual_sections(config: Config) -> dict[str, LayerSection]:
    """The annual layers of a configuration."""
    return {name: section for name, section in config.layers.items() if name in ANNUAL_LAYERS}


def dated_only(config: Config) -> Config:
    """The configuration without its annual layers."""
    if not annual_sections(config):
        return config
    return config.model_copy(update={"layers": {name: section for name, section in config.layers.items() if name not in ANNUAL_LAYERS}})


def find_annual_sources(config: Config, folders: Folders, shelf: Shelf | None = None) -> tuple[list[Source], list[Finding]]:
    """Every raster of the annual layers with its header, and findings of names, headers and numbers of files.

    Where a year of several files names one entry, each file that it fits is a part of
    the year, in the order of the names; where it names several, each entry is a part
    and the files that it fits are its mosaic. Of a catalogue each date of the items of a
    year is a part.

    Parameters
    ----------
    shelf : Shelf, optional
        Where items of catalogues are.
    """
    sources: list[Source] = []
    found: list[Finding] = []
    for name, section in annual_sections(config).items():
        for year in section.years:
            parts, wrong = _parts(config, folders, name, section, year, shelf)
            sources += parts
            found += wrong
            if not wrong:
                found += _check_months(name, section, year, len({part.member for part in parts}))
        found += [
            finding("E-YEAR-02", f"layers.{name}", file=", ".join(one for one, _ in shared), years=f"{first}, {last}")
            for first, last, shared, _ in shared_by_years(sources, name, {source.label: source.label for source in sources})
        ]  # fmt: skip
    return sources, found


def _parts(
    config: Config, folders: Folders, name: str, section: LayerSection, year: int, shelf: Shelf | None
) -> tuple[list[Source], list[Finding]]:
    """The files of one year, numbered by the part of the year that they are."""
    if section.stac is not None:
        return find_sources(_of_one_year(config, name, section, year, ()), folders, shelf)
    several = section.encoding in SEVERAL
    texts = section.files[year]
    entries = [(text,) for text in texts] if several else [tuple(texts)]
    out: list[Source] = []
    found: list[Finding] = []
    for number, entry in enumerate(entries):
        sources, wrong = find_sources(_of_one_year(config, name, section, year, entry), folders)
        found += wrong
        alone = several and len(entries) == 1
        out += [replace(source, member=place if alone else number) for place, source in enumerate(sources)]
    return out, found


def catalogued_years(config: Config) -> list[Config]:
    """A configuration for each annual layer of a catalogue and year: what a fetch brings."""
    return [
        _of_one_year(config, name, section, year, ())
        for name, section in annual_sections(config).items() if section.stac is not None
        for year in section.years
    ]  # fmt: skip


def _of_one_year(config: Config, name: str, section: LayerSection, year: int, entry: tuple[str, ...]) -> Config:
    """A configuration of one layer with one year."""
    keys = {key: value for key, value in section.model_dump(exclude_unset=True).items() if not key.isdigit()}
    if section.stac is not None:
        said = section.datetime[str(year)] if isinstance(section.datetime, dict) else ""
        layer = LayerSection.model_validate({**keys, "datetime": {str(year): said}, "files_mean": section.encoding in SEVERAL})
    else:
        layer = LayerSection.model_validate({**keys, str(year): list(entry)})
    return config.model_copy(update={"layers": {name: layer}, "strata": {}, "run": config.run.model_copy(update={"years": (year,), "base_year": None})})


def _check_months(name: str, section: LayerSection, year: int, parts: int) -> list[Finding]:
    """A year of monthly files is twelve months; burned area of fewer may be that of a fire season."""
    if section.encoding not in SEVERAL or parts == MONTHS:
        return []
    id = "W-FIRE-01" if name == BURNED_AREA else "E-ANNUAL-04"
    return [finding(id, f"layers.{name}.{year}", files=parts, months=MONTHS)]


def annual_stack(config: Config, sources: Sequence[Source], grid: Grid) -> tuple[Stack, list[Finding]]:
    """The annual layers on the grid of the run, and the findings of alignment."""
    sections = annual_sections(config)
    stack, found = build_stack(config.model_copy(update={"layers": sections, "strata": {}}), sources, grid, {}, {})
    found += [
        finding("E-FIRE-02", f"layers.{name}.resampling", resampling=section.resampling, encoding=section.encoding)
        for name, section in sections.items() if section.encoding == "mcd64a1" and section.resampling not in (None, "nearest")
    ]  # fmt: skip
    return replace(stack, layers=tuple(_with_range(layer, sections[layer.name]) for layer in stack.layers)), found


def _with_range(layer: Layer, section: LayerSection) -> Layer:
    """A layer with the range of its encoding, or of production in its own unit; days of a preset keep water, which does not burn."""
    if section.encoding == "mcd64a1" and section.preset is not None:
        return replace(layer, valid=BURNED_RANGE["mcd64a1"], valid_declared=False)
    if section.valid is not None:
        return layer
    if layer.name == BURNED_AREA:
        return replace(layer, valid=BURNED_RANGE[section.encoding or "fraction"])
    if layer.name == NPP and section.unit is not None:
        per = to_tonnes_per_hectare(section.unit)
        low, high = possible_range(NPP)
        return replace(layer, valid=(low / per, high / per))
    return layer


def years_of(stack: Stack, name: str) -> tuple[int, ...]:
    """The years of a layer, ascending; none where there is no such layer."""
    return tuple(sorted(year for year, _ in stack.layer(name).dates if year is not None)) if stack.has(name) else ()


def stack_of_year(main: Stack, annual: Stack, year: int, dates: Mapping[str, Sequence[int]]) -> Stack:
    """The annual layers of a year, and of some layers of the run the dates that are wanted with them."""
    layers = [replace(layer, dates=tuple(one for one in layer.dates if one[0] == year)) for layer in annual.layers]
    for name, wanted in dates.items():
        layer = main.layer(name)
        keys = {layer.date_key(date) for date in wanted}
        dated = tuple(one for one in layer.dates if one[0] in keys)
        layers.append(replace(layer, dates=dated, polygons=tuple(place for place in layer.polygons if place[0] in keys), se=None))
    return Stack(grid=main.grid, layers=tuple(layer for layer in layers if layer.dates or layer.polygons), years=(year,), vectors=main.vectors)


__all__ = ["annual_sections", "annual_stack", "catalogued_years", "dated_only", "find_annual_sources", "stack_of_year", "years_of"]
