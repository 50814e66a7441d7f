"""The configuration of a run: a TOML file, relative to itself; unknown keys are errors.

All errors of a file are found at once. Paths are kept as the user wrote them;
they are resolved, and refused outside the allowed folders, when they are opened.
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from aoi.findings import Finding, InputError, finding
from aoi.settings import Section, finding_of, parse_toml
from aoi.table import decode
from sinks.presets import with_presets
from sinks.tables import POOLS, STRATUM_NAMES
from sinks.units import DENSITY_UNITS

Year = Annotated[int, Field(ge=1900, le=2200)]
Text = Annotated[str, Field(min_length=1)]
"""A name, path or unit: the empty text is none."""
Basis = Literal["dry_matter", "carbon", "co2"]
Resampling = Literal["nearest", "bilinear", "average", "mode"]
UnitState = Literal["held", "sold_out", "retired_ets", "retired_voluntary", "regional_indicator", "cancelled_for_league", "buffer_void"]
EXCLUDED_STATES: tuple[UnitState, ...] = ("held", "sold_out", "retired_ets", "retired_voluntary", "regional_indicator", "buffer_void")
"""What may not offset a league by default: everything but units that were cancelled for it."""
CapKey = Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-]{1,64}(\.\d{4})?$")]


def _iso_date(value: Any) -> Any:
    """A date of TOML, or its text, as year-month-day."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, str):
        return datetime.date.fromisoformat(value).isoformat()
    raise ValueError("date")


Date = Annotated[str, BeforeValidator(_iso_date)]

LAND_COVER = "land_cover"
COHORT_YEAR, COHORT_FROM, AGE_CLASS = "cohort_year", "cohort_from", "age_class"
"""Layers that are strata of the same name without more words."""
STAND_AGE = "stand_age"
NDVI = "ndvi"
VALUE_LAYERS = (*POOLS, "growing_stock_volume", NDVI)
DENSITY_LAYERS = POOLS
VECTOR_SUFFIXES = (".fgb", ".gdb", ".geojson", ".gpkg", ".json", ".shp")
"""How files of polygons are called."""
POLYGON_KEYS = ("layer", "field", "fields", "ignore", "per", "area_field", "area_unit")
"""Keys of a layer that only files of polygons understand."""
RASTER_KEYS = ("scale", "offset", "nodata", "resampling")
"""Keys of a layer that only rasters understand."""
BURNED_AREA, NPP, GPP, GREENNESS, PRECIPITATION, TEMPERATURE = "burned_area", "npp", "gpp", "greenness", "precipitation", "temperature"
ENCODINGS: Mapping[str, tuple[str, ...]] = {
    BURNED_AREA: ("mcd64a1", "fraction", "binary"), NPP: ("annual",), GPP: ("annual",), GREENNESS: ("annual",),
    PRECIPITATION: ("annual", "monthly"), TEMPERATURE: ("annual", "monthly"),
}  # fmt: skip
"""Annual layers, read in a pass of their own for any years, and how the files of a year may stand for it (DECISIONS 140)."""
ANNUAL_LAYERS = tuple(ENCODINGS)
SEVERAL = ("mcd64a1", "monthly")
"""Encodings with several files a year, each for a part of it."""
CLIMATE_UNITS = {PRECIPITATION: "mm", TEMPERATURE: "degC"}


class Run(Section):
    """What to estimate and where to put it."""

    title: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")] = ""
    years: tuple[Year, ...] = Field(min_length=1)
    base_year: Year | None = None
    output: Text = "out"
    seed: int = Field(default=1, ge=0)
    roots: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> "Run":
        if list(self.years) != sorted(set(self.years)):
            raise ValueError("years_not_ascending")
        if self.base_year is not None and self.base_year >= self.years[0]:
            raise ValueError("base_year_not_before")
        return self

    @property
    def dates(self) -> tuple[int, ...]:
        """All dates with a full set of layers: the base year, if any, and the result years."""
        return (*((self.base_year,) if self.base_year is not None else ()), *self.years)


class ZoneSection(Section):
    """Whose land is measured: the built-in leagues or a file."""

    builtin: Literal["leagues"] | None = None
    file: Text | None = None
    layer: Text | None = None
    code: Text = "adcode"
    name: Text = "name_zh"
    parent: Text | None = None
    rule: Literal["coverage", "centre"] = "coverage"
    tiling: bool = False
    crs: Text | None = None
    encoding: Text | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "ZoneSection":
        if (self.builtin is None) == (self.file is None):
            raise ValueError("zones_one_source")
        return self


class ParcelSection(Section):
    """Project parcels, crossed with the zones in the same pass."""

    file: Text
    layer: Text | None = None
    code: Text = "parcel"
    project: Text = "project"
    programme: Text = "programme"
    vintage: Text = "vintage"


class GridSection(Section):
    """The grid of the run: that of a layer or file, or a CRS with a resolution."""

    like: Text | None = None
    crs: Text | None = None
    resolution: float | None = Field(default=None, gt=0)
    cell_area: Literal["true", "nominal"] = "true"

    @model_validator(mode="after")
    def _one_way(self) -> "GridSection":
        if self.like is not None and (self.crs is not None or self.resolution is not None):
            raise ValueError("grid_one_way")
        if (self.crs is None) != (self.resolution is None):
            raise ValueError("grid_crs_and_resolution")
        return self


Host = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$")]
"""A host name in small letters or an address, with a port where it is not that of its scheme."""
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
YearKey = Annotated[str, Field(pattern="^[0-9]{4}$")]
BandNumber = Annotated[int, Field(ge=1)]
YEAR_FIELD = "{year}"
"""What stands for the year in a datetime."""


class NetworkSection(Section):
    """Which hosts may be asked, where what comes is kept, and which environment variables hold secrets.

    Parameters
    ----------
    tokens, authorization : mapping
        Host -> name of a variable; its text is added to the query of every address of the
        host, or sent as the header ``Authorization``. Secrets stand in no file.
    sign : mapping
        Host of assets -> address of a service that signs links, the link being added to its end.
    most_gb : float
        The most that one fetch may bring [10^9 bytes].
    """

    hosts: tuple[Host, ...] = ()
    cache: Text = ".sinks-cache"
    tokens: dict[Host, Variable] = Field(default_factory=dict)
    authorization: dict[Host, Variable] = Field(default_factory=dict)
    sign: dict[Host, Text] = Field(default_factory=dict)
    most_gb: float = Field(default=50.0, gt=0)


class LayerSection(BaseModel):
    """One layer: its files by year or its items in a catalogue, what its numbers mean, how they reach the grid.

    Keys from ``layer`` to ``area_unit`` belong to files of polygons: the layer in the
    file, the attribute column (one, or by year), the encoding of texts, attribute
    values that are no data, what a number is of (a hectare, or the whole polygon),
    and the column of official areas with its unit. ``biomass`` says how growing stock
    becomes biomass.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    file: Text | tuple[Text, ...] | None = None
    files_mean: bool = False
    unit: Text | None = None
    basis: Basis | None = None
    legend: Text | None = None
    change: Literal["accept", "stocks_only"] | None = None
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = Field(default=None, allow_inf_nan=True)
    crs: Text | None = None
    resampling: Resampling | None = None
    se: Text | None = None
    epoch_bias: float | None = Field(default=None, ge=0)
    members: Text | None = None
    valid: tuple[float, float] | None = None
    depth_cm: int | None = Field(default=None, gt=0)
    layer: Text | None = None
    field: Text | None = None
    fields: dict[YearKey, Text] | None = None
    ignore: tuple[Text | int | float, ...] = ()
    per: Literal["ha", "polygon"] = "ha"
    area_field: Text | None = None
    area_unit: Literal["m2", "ha", "mu"] | None = None
    biomass: Literal["bcef", "equation"] | None = None
    ecosystems: tuple[Literal["forest", "grassland", "wetland", "other"], ...] | None = None
    encoding: Text | None = None
    preset: Text | None = None
    stac: Text | None = None
    collection: Text | None = None
    asset: Text | None = None
    band: BandNumber | dict[YearKey, BandNumber] | None = None
    datetime: Text | dict[YearKey, Text] | None = None
    query: dict[Text, Any] | None = None

    @model_validator(mode="after")
    def _of_a_catalogue(self) -> "LayerSection":
        if self.stac is None and any(one is not None for one in (self.collection, self.asset, self.datetime, self.query)):
            raise ValueError("stac_missing")
        if self.stac is not None and self.asset is None:
            raise ValueError("stac_asset")
        if self.undated and isinstance(self.band, dict):
            raise ValueError("band_undated:band")
        return self

    @model_validator(mode="after")
    def _years_or_file(self) -> "LayerSection":
        for key, value in (self.model_extra or {}).items():
            if not re.fullmatch("[0-9]{4}", key):
                raise ValueError(f"unknown_key:{key}")
            texts = value if isinstance(value, list) else [value]
            if not texts or not all(isinstance(one, str) and one for one in texts):
                raise ValueError(f"year_value:{key}")
        if self.scale == 0:
            raise ValueError("scale_zero:scale")
        if [bool(self.model_extra), self.file is not None, self.stac is not None].count(True) != 1:
            raise ValueError("layer_years_or_file")
        if self.valid is not None and self.valid[0] > self.valid[1]:
            raise ValueError("valid_order")
        if (self.area_field is None) != (self.area_unit is None) or (self.per == "polygon" and self.area_field is None):
            raise ValueError("area_field_and_unit")
        return self

    @property
    def of_polygons(self) -> bool:
        """Does a date of the layer come from survey polygons?"""
        return any(text.lower().endswith(VECTOR_SUFFIXES) for texts in self.files.values() for text in texts)

    def field_of(self, year: int | None) -> str | None:
        """The attribute column of a date, where the layer is one of polygons."""
        return (self.fields or {}).get(str(year), self.field)

    @property
    def undated(self) -> bool:
        """Whether the layer is the same at every date."""
        return self.file is not None or (isinstance(self.datetime, str) and YEAR_FIELD not in self.datetime)

    def lacks(self, dates: Sequence[int]) -> list[int]:
        """The dates for which the layer names neither files nor items."""
        without_band = [year for year in dates if isinstance(self.band, dict) and str(year) not in self.band]
        if self.undated or (self.stac is not None and not isinstance(self.datetime, dict)):
            return without_band
        return sorted({year for year in dates if year not in self.years} | set(without_band))

    def band_of(self, year: int | None) -> int | None:
        """The band that holds a date; None where nothing is said."""
        return self.band.get(str(year)) if isinstance(self.band, dict) else self.band

    @property
    def years(self) -> list[int]:
        """The years that the layer names one by one."""
        return sorted(int(key) for key in (self.datetime if isinstance(self.datetime, dict) else self.model_extra or {}))

    def times(self, dates: Sequence[int]) -> dict[int | None, str]:
        """Year -> the datetime of its items in a catalogue; the calendar year where nothing is said, None for a layer that is the same at every date."""
        if isinstance(self.datetime, dict):
            return {year: self.datetime[str(year)] for year in dates if str(year) in self.datetime}
        if self.undated:
            return {None: str(self.datetime)}
        return {year: (self.datetime or YEAR_FIELD).replace(YEAR_FIELD, str(year)) for year in dates}

    @property
    def files(self) -> dict[int | None, tuple[str, ...]]:
        """Year -> the paths or globs as written; None for a layer that is the same at every date; none for one of a catalogue."""
        if self.stac is not None:
            return {}
        if self.file is not None:
            return {None: _listed(self.file)}
        return {int(key): _listed(value) for key, value in sorted((self.model_extra or {}).items())}


DESCRIBED = ("unit", "basis", "resampling", "valid", "depth_cm", "change", "ecosystems", "preset", "epoch_bias", "encoding")
"""Keys of a layer that say what its numbers mean, and name no file."""


class AccuracySection(Section):
    """Reference samples by which areas are corrected: of classes, of change, or both.

    Each is a confusion matrix (with the map's own areas) or a table of samples with the
    areas of their strata.
    """

    matrix: Text | tuple[Text, ...] | None = None
    samples: Text | None = None
    areas: Text | None = None


class FileSection(Section):
    """A section that names one file."""

    file: Text


class ControlSection(Section):
    """Official areas that mapped ones are raked to; ``accept`` lets factors outside 0.5 to 2 stand."""

    file: Text
    accept: bool = False


class DensitySection(Section):
    """The plain per-class table; the depth of its soil column, where it is known."""

    file: Text
    soil_depth_cm: int = Field(default=0, ge=0)


class LimitSection(Section):
    """Where a run stops by itself."""

    missing_fraction: float = Field(default=0.2, ge=0, le=1)


class MapSection(Section):
    """One map that the pass makes: a pool or an ecosystem (all where none is named), its stock at a date or its change up to it."""

    pool: Literal["aboveground_biomass", "belowground_biomass", "dead_wood", "litter", "soil_organic_carbon"] | None = None
    ecosystem: Literal["forest", "grassland", "wetland"] | None = None
    year: int
    change: bool = False
    type: Literal["int16", "float32"] = "int16"


class UncertaintySection(Section):
    """What intervals are made from.

    ``draws`` 0 leaves Monte Carlo out. ``correlation_km`` is the distance at which the
    correlation of map errors has fallen to 1/e, ``rho_dates`` their correlation at one
    place between two dates; both are choices of the user (DECISIONS 49).
    """

    draws: int = Field(default=10_000, ge=0, le=1_000_000)
    sampling: Literal["stratified", "plain"] = "stratified"
    correlation_km: float = Field(default=100.0, gt=0)
    lattice_km: float = Field(default=5.0, gt=0)
    rho_dates: float = Field(default=0.0, ge=-1, le=1)


class PlotSection(Section):
    """Field plots: which columns hold what, of which layer and year they are, and what to do with those that do not fit."""

    file: Text
    layer: Text = "aboveground_biomass"
    year: Year
    unit: Text
    basis: Basis | None = None
    ecosystem: Literal["forest", "grassland", "wetland"] = "forest"
    value: Text = "value"
    id: Text = "id"
    x: Text = "x"
    y: Text = "y"
    crs: Text = "EPSG:4326"
    design: Literal["simple", "stratified"] = "simple"
    outside: Literal["refuse", "skip"] = "refuse"
    same_place: Literal["refuse", "mean", "keep"] = "refuse"
    allowed_error: float = Field(default=0.1, gt=0)


class GrowthSection(Section):
    """Plots of age and aboveground biomass for growth curves: which columns hold what, and the classes of ages whose increments become factors.

    Parameters
    ----------
    types : mapping
        Word of the column ``type`` -> vegetation type; plots of other words are left out.
        Without a column the one type of all plots.
    where : mapping
        Column -> the word that a plot must have there.
    group : str, optional
        Column of what belongs together (a place, a study): drawn and left out as one.
    least_skill : float
        Share of the squared errors of the mean that a curve must save at groups left out, else it makes no factors.
    """

    file: Text
    age: Text = "age"
    value: Text = "value"
    unit: Text
    basis: Literal["dry_matter"]
    types: dict[Text, Text] = Field(min_length=1)
    type: Text | None = None
    group: Text | None = None
    where: dict[Text, str] = Field(default_factory=dict)
    origin: Annotated[str, Field(pattern=r"^[a-z0-9_]*$")] = ""
    form: Literal["chapman_richards", "logistic"] = "chapman_richards"
    classes: tuple[Annotated[int, Field(ge=0, le=5000)], ...] = (0, 20, 40, 60, 80, 100, 150, 200)
    fewest: int = Field(default=12, ge=6)
    resamples: int = Field(default=200, ge=50, le=5000)
    least_skill: float = Field(default=0.05, ge=0, lt=1)
    output: Text = "growth"

    @model_validator(mode="after")
    def _ascending(self) -> "GrowthSection":
        if len(self.classes) < 2 or list(self.classes) != sorted(set(self.classes)):
            raise ValueError("ages_not_ascending")
        return self


class RetrievalSection(Section):
    """A model from plots and predictor rasters to a layer: its kind, its settings, where it and its rasters are kept."""

    model: Literal["linear", "random_forest", "gradient_boosting"] = "random_forest"
    output: Text = "retrieved"
    trees: int = Field(default=60, ge=1, le=2000)
    members: int = Field(default=30, ge=30, le=1000)
    folds: int = Field(default=5, ge=2, le=50)
    block_km: float = Field(default=50.0, gt=0)
    coverage: float = Field(default=0.9, gt=0.5, lt=1)
    missing: Literal["refuse", "skip"] = "refuse"


Approach = Literal["stock_difference", "gain_loss", "rate"]
MeanApproach = Literal["stock_difference", "rate"]
"""Approaches that tell the mean of an interval: one may stand for an ecosystem beside the other."""
BY_ECOSYSTEM = "by_ecosystem"
"""What the removals are called whose approach differs between ecosystems."""


class PolicySection(Section):
    """Which rows of the removals count towards an offset, and how the offset is made (ACCOUNTING 2, 3 and 5); each key is a choice that is printed.

    Parameters
    ----------
    removal_approach : str or mapping
        The approach that speaks for the offset, or one for each ecosystem (stock difference where none is named).
    assessment_years : tuple of int, optional
        Calendar years that are assessed; by default those of the last interval of the run.
    ledger_as_of : str, optional
        Date (year-month-day) as of which open years read the ledger; by default all of it.
    closed_years : mapping
        Year -> date on which its assessment was closed; such a year reads the ledger as of that date.
    deduction_pct : float, optional
        Percentage of the mode ``fixed``.
    cap : float or mapping, optional
        Most tonnes that may offset: one number for every league, or by ``league`` or ``league.year``.
    excess_tolerance : float
        Share of a project's units that may exceed the inventory's removal in its parcels before it is a warning.
    """

    removal_approach: Approach | dict[Literal["forest", "grassland", "wetland"], MeanApproach] = "stock_difference"
    grass_weather: bool = False
    wetland_ch4: bool = False
    unvalidated_change: Literal["losses", "all", "none"] = "losses"
    assessment_years: tuple[Year, ...] | None = None
    ledger_as_of: Date | None = None
    closed_years: dict[Year, Date] = Field(default_factory=dict)
    interval: Literal["analytic", "monte_carlo"] = "analytic"
    deduction_mode: Literal["none", "fixed", "t66", "lower90"] = "t66"
    deduction_pct: float | None = Field(default=None, ge=0, le=100)
    zero_rule: bool = True
    subtract_basis: Literal["gross", "issued"] = "gross"
    excluded_states: tuple[UnitState, ...] = EXCLUDED_STATES
    cap: Annotated[float, Field(ge=0)] | dict[CapKey, Annotated[float, Field(ge=0)]] | None = None
    true_up: bool = True
    avoided_emission: Literal["excluded", "memo"] = "excluded"
    excess_tolerance: float = Field(default=0.05, ge=0)

    @model_validator(mode="after")
    def _agree(self) -> "PolicySection":
        years = self.assessment_years
        if years is not None and (not years or list(years) != sorted(set(years))):
            raise ValueError("assessed_not_ascending")
        if (self.deduction_mode == "fixed") != (self.deduction_pct is not None):
            raise ValueError("fixed_needs_percentage")
        if years is not None and not set(self.closed_years) <= set(years):
            raise ValueError("closed_not_assessed")
        dates = [date for _, date in sorted(self.closed_years.items())]
        if dates != sorted(dates) or any(int(date[:4]) < year for year, date in self.closed_years.items()):
            raise ValueError("closed_out_of_order")
        if self.ledger_as_of is not None and any(date > self.ledger_as_of for date in dates):
            raise ValueError("closed_out_of_order")
        if years is not None and self.closed_years and any(year < max(self.closed_years) for year in set(years) - set(self.closed_years)):
            raise ValueError("closed_out_of_order")
        return self

    @property
    def approach(self) -> str:
        """The name under which the removals that count stand in the summary."""
        return self.removal_approach if isinstance(self.removal_approach, str) else BY_ECOSYSTEM

    @property
    def approaches(self) -> dict[str, str]:
        """Ecosystem -> approach, where they differ; other land is by stock difference. Empty for one approach of all."""
        if isinstance(self.removal_approach, str):
            return {}
        return {name: "stock_difference" for name in ("forest", "grassland", "wetland", "other")} | dict(self.removal_approach)


def approach_of(policy: Mapping[str, Any]) -> str:
    """The name of the approach in the settings of a run."""
    way = policy["removal_approach"]
    return way if isinstance(way, str) else BY_ECOSYSTEM


class CohortSection(Section):
    """How the last change of land is told from earlier land-cover maps.

    Parameters
    ----------
    use : bool
        Whether land-cover years that are no dates of the run are read at all.
    confirm : bool
        A change must hold in the next map; without it every difference is a change.
    history_from : int, optional
        First year that the user's own layer ``cohort_year`` speaks of.
    """

    use: bool = True
    confirm: bool = True
    history_from: Year | None = None


class AgeSection(Section):
    """The year at which ``stand_age`` or ``age_class`` states ages, where the layer is one file for all dates."""

    year: Year


class LedgerSection(Section):
    """The ledger of units: a ledger of ``sinks ledger``, or a table of events; the parcels of other programmes beside it."""

    file: Text
    others: Text | None = None


class FilesSection(Section):
    """A section that names several files."""

    files: tuple[Text, ...] = Field(min_length=1)


class Config(Section):
    """A whole configuration file."""

    run: Run
    zones: ZoneSection
    parcels: ParcelSection | None = None
    grid: GridSection = GridSection()
    layers: dict[str, LayerSection] = Field(min_length=1)
    strata: dict[str, str] = Field(default_factory=dict)
    densities: DensitySection | None = None
    factors: FileSection | None = None
    limits: LimitSection = LimitSection()
    uncertainty: UncertaintySection = UncertaintySection()
    accuracy: AccuracySection | None = None
    maps: tuple[MapSection, ...] = ()
    policy: FileSection | None = None
    plots: PlotSection | None = None
    retrieval: RetrievalSection | None = None
    predictors: dict[str, LayerSection] = Field(default_factory=dict)
    network: NetworkSection = NetworkSection()
    ledger: LedgerSection | None = None
    emissions: FileSection | None = None
    control_areas: ControlSection | None = None
    events: FileSection | None = None
    quantifications: FilesSection | None = None
    cohorts: CohortSection = CohortSection()
    ages: AgeSection | None = None
    growth: GrowthSection | None = None
    demo: dict[str, bool | Text] | None = None

    @property
    def history(self) -> tuple[int, ...]:
        """Years of land cover that are no dates of the run and tell when land changed: those before its last date, in order."""
        layer = self.layers.get(LAND_COVER)
        usable = layer is not None and layer.legend is not None and layer.change != "stocks_only" and not layer.of_polygons
        if layer is None or not usable or not self.cohorts.use or COHORT_YEAR in self.strata:
            return ()
        return tuple(year for year in layer.files if year is not None and year < self.run.dates[-1] and year not in self.run.dates)

    @property
    def class_layers(self) -> frozenset[str]:
        """Layers whose cells are codes."""
        return frozenset({LAND_COVER, *self.strata.values()} | ({STAND_AGE} & self.layers.keys()))


def _listed(value: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def read_config(path: Path) -> tuple[Config, list[Finding]]:
    """The configuration of a file, checked in itself (no other file is opened).

    Raises
    ------
    InputError
        With every error of the file: unreadable, not TOML, unknown or wrong keys,
        layers without unit, basis, legend or the years of the run.
    """
    text, encoding = decode(path, path.name)
    raw, notes = with_presets(parse_toml(text, path.name), path.name)
    config = parse_config(raw, path.name)
    return config, notes if encoding.startswith("utf-8") else [finding("N-CONF-01", path.name, encoding=encoding), *notes]


def read_policy(path: Path, where: str) -> PolicySection:
    """The policy of a file, checked in itself.

    Raises
    ------
    InputError
        With every error of the file: unreadable, not TOML, unknown or wrong keys.
    """
    text, _ = decode(path, where)
    try:
        return PolicySection.model_validate(parse_toml(text, where))
    except ValidationError as error:
        raise InputError([finding_of(one, where, _RULES) for one in error.errors()]) from error


def parse_config(raw: Mapping[str, Any], where: str) -> Config:
    """The configuration of a mapping; raises `InputError` with every error."""
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise InputError([finding_of(one, where, _RULES) for one in error.errors()]) from error
    config = config.model_copy(update={"strata": _all_strata(config)})
    found = [*_check_layers(config, where), *_check_strata(config, where), *_check_history(config, where)]
    if found:
        raise InputError(found)
    return config


_RULES = {
    "years_not_ascending": "E-CONF-05",
    "base_year_not_before": "E-CONF-06",
    "zones_one_source": "E-CONF-07",
    "grid_one_way": "E-CONF-08",
    "grid_crs_and_resolution": "E-CONF-09",
    "layer_years_or_file": "E-CONF-10",
    "valid_order": "E-CONF-11",
    "area_field_and_unit": "E-TUBAN-01",
    "fixed_needs_percentage": "E-CONF-16",
    "assessed_not_ascending": "E-CONF-19",
    "closed_not_assessed": "E-CONF-17",
    "closed_out_of_order": "E-CONF-18",
    "ages_not_ascending": "E-AGE-12",
    "stac_missing": "E-STAC-11",
    "stac_asset": "E-STAC-12",
}


def _check_layers(config: Config, where: str) -> list[Finding]:
    found: list[Finding] = []
    classes = config.class_layers
    if LAND_COVER not in config.layers:
        found.append(finding("E-CONF-12", f"{where}: layers", layers=", ".join(sorted(config.layers))))
    used = {LAND_COVER, STAND_AGE, *VALUE_LAYERS, *ANNUAL_LAYERS, *config.strata.values(), *(layer.se for layer in config.layers.values() if layer.se)}
    used |= {config.plots.layer} if config.plots is not None else set()
    for name, layer in config.layers.items():
        place = f"{where}: layers.{name}"
        if name in ANNUAL_LAYERS:
            found += _check_annual(name, layer, place)
            continue
        if layer.encoding is not None and not layer.of_polygons:
            found.append(finding("E-ANNUAL-02", f"{place}.encoding", encoding=layer.encoding, known="-"))
        if name not in used:
            found.append(finding("E-CONF-13", place, name=name, known=", ".join(sorted(used))))
        if name in DENSITY_LAYERS and (layer.unit is None or layer.basis is None):
            found.append(finding("E-UNIT-01", place, unit=layer.unit or "-", basis=layer.basis or "-"))
        if name == "growing_stock_volume" and layer.unit is None:
            found.append(finding("E-UNIT-01", place, unit="-", basis="-"))
        if layer.biomass is not None and name != "growing_stock_volume":
            found.append(finding("E-TUBAN-20", f"{place}.biomass"))
        if name == "soil_organic_carbon" and layer.depth_cm is None:
            found.append(finding("E-UNIT-02", place))
        if layer.files_mean and name in classes:
            found.append(finding("E-CONF-15", f"{place}.files_mean"))
        if layer.se is not None and layer.se not in config.layers:
            found.append(finding("E-CONF-14", f"{place}.se", name=layer.se, known=", ".join(sorted(config.layers))))
        missing = layer.lacks(config.run.dates)
        if missing:
            found.append(finding("E-YEAR-01", place, missing=", ".join(map(str, missing)), years=", ".join(map(str, layer.years))))
    land_cover = config.layers.get(LAND_COVER)
    if land_cover is not None and land_cover.legend is None and config.densities is None:
        found.append(finding("E-LEGEND-10", f"{where}: layers.{LAND_COVER}"))
    return found


def _all_strata(config: Config) -> dict[str, str]:
    """The strata with those whose layer bears their name."""
    own = {name: name for name in (COHORT_YEAR, COHORT_FROM, AGE_CLASS) if name in config.layers and name not in config.strata}
    return {**config.strata, **own}


def _check_history(config: Config, where: str) -> list[Finding]:
    """A user's own years of change need the class before and a first year; ages need the year at which they stand."""
    found = []
    if (COHORT_YEAR in config.strata) != (COHORT_FROM in config.strata):
        given, missing = (COHORT_YEAR, COHORT_FROM) if COHORT_YEAR in config.strata else (COHORT_FROM, COHORT_YEAR)
        found.append(finding("E-COHORT-01", f"{where}: layers", given=given, missing=missing))
    if COHORT_YEAR in config.strata and config.cohorts.history_from is None:
        found.append(finding("E-COHORT-02", f"{where}: cohorts.history_from"))
    for name in (STAND_AGE, config.strata.get(COHORT_YEAR, "")):
        if name in config.layers and config.layers[name].of_polygons:
            found.append(finding("E-COHORT-04", f"{where}: layers.{name}"))
    layers = [name for name in (STAND_AGE, config.strata.get(AGE_CLASS, AGE_CLASS)) if name in config.layers]
    if len(layers) > 1:
        found.append(finding("E-AGE-01", f"{where}: layers", layers=", ".join(layers)))
    for name in layers:
        if config.layers[name].file is not None and config.ages is None:
            found.append(finding("E-AGE-02", f"{where}: ages.year", layer=name))
    return found


_NOT_ANNUAL = ("file", "files_mean", "legend", "change", "se", "epoch_bias", "members", "depth_cm", "ecosystems")
"""Keys of a layer that an annual layer does not have."""


def _check_annual(name: str, layer: LayerSection, place: str) -> list[Finding]:
    """Keys, encoding and unit of a layer with values for any years."""
    found = []
    keys = [key for key in _NOT_ANNUAL if getattr(layer, key)]
    if keys:
        found.append(finding("E-ANNUAL-01", place, keys=", ".join(keys)))
    if layer.stac is not None and not isinstance(layer.datetime, dict):
        found.append(finding("E-ANNUAL-06", f"{place}.datetime", datetime=layer.datetime or "-"))
    known = ENCODINGS[name]
    if layer.encoding not in (known if name == BURNED_AREA else (None, *known)):
        found.append(finding("E-ANNUAL-02", f"{place}.encoding", encoding=layer.encoding or "-", known=", ".join(known)))
    if name in CLIMATE_UNITS and layer.unit != CLIMATE_UNITS[name]:
        found.append(finding("E-ANNUAL-03", f"{place}.unit", unit=layer.unit or "-", known=CLIMATE_UNITS[name]))
    if name == NPP and (layer.unit not in DENSITY_UNITS or layer.basis != "carbon"):
        found.append(finding("E-NEP-01", place, unit=layer.unit or "-", basis=layer.basis or "-", known=", ".join(DENSITY_UNITS)))
    return found


def _check_strata(config: Config, where: str) -> list[Finding]:
    found = []
    for name, layer in config.strata.items():
        place = f"{where}: strata.{name}"
        if name not in STRATUM_NAMES:
            found.append(finding("E-CONF-13", place, name=name, known=", ".join(STRATUM_NAMES)))
        if layer not in config.layers:
            found.append(finding("E-CONF-14", place, name=layer, known=", ".join(sorted(config.layers))))
    return found
