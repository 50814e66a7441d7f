"""Planted shrubland under management (人工灌木林), a regional draft.

No published methodology was found. It follows METHODOLOGIES 2.9: change at
re-measured plots, no stock above the long-term average of a coppice cycle, and a
benchmark by matched controls from remote sensing after VM0047. New planting goes to
CCER-14-001.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aoi.table import Table
from methodologies.contract import Array, Condition, Deduction, Example, Methodology, Parameters, Pool, Refusal, Tables, Term
from methodologies.tables import INVENTORY, PLOTS, SHRUBS, STATED_AREA, STRATUM, decimal, flag, integer, text_column
from methodologies.tools import cycles, fire, woody
from methodologies.tools.arrays import as_row, total
from methodologies.tools.buffer import less_risk_share
from methodologies.tools.dates import calendar_time

CLAUSE = "METHODOLOGIES 2.9 planted_shrubland"

STRATA = Table(
    name="strata",
    title_zh="碳层",
    title_en="Strata",
    row_per="stratum",
    columns=(
        STRATUM,
        STATED_AREA,
        text_column("species", "灌木种", "Species", needed=True, description="main species; Chinese or Latin name, or key"),
        text_column(
            "land_before",
            "项目前土地",
            "Land before the project",
            needed=True,
            choices=("planted_shrub", "non_forest"),
            description="planted_shrub: existing planted shrubland under management; non_forest: new planting",
        ),
        text_column("management", "经营措施", "Management", needed=True, choices=("coppicing", "enclosure", "replanting")),
    ),
)
SITE = Table(
    name="site",
    title_zh="项目地概况",
    title_en="Site",
    row_per="the project",
    columns=(
        text_column(
            "climate",
            "气候带",
            "Climate",
            key=True,
            choices=("boreal", "cool_temperate_dry", "cool_temperate_moist", "warm_temperate_dry", "warm_temperate_moist"),
        ),
        decimal("precipitation_mm", "年均降水量", "Mean annual precipitation", "mm", needed=True, minimum=0, maximum=3000),
        flag("groundwater_falling", "地下水位下降", "Groundwater table is falling", needed=True),
    ),
)
CYCLE = Table(
    name="cycle",
    title_zh="平茬周期储量曲线",
    title_en="Stock over a coppice cycle",
    row_per="stratum and years since the cut",
    columns=(
        STRATUM,
        decimal("age_yr", "平茬后年数", "Years since the cut", "yr", key=True, minimum=0, maximum=40),
        decimal("stock_tCO2e_ha", "碳储量", "Carbon stock with roots", "tCO2e ha-1", needed=True, minimum=0, maximum=500),
    ),
)
INDEX = Table(
    name="stocking_index",
    title_zh="遥感盖度指数",
    title_en="Stocking index by remote sensing",
    row_per="stratum, group, unit and year",
    columns=(
        STRATUM,
        text_column("group", "组别", "Group", key=True, choices=("project", "control")),
        text_column("unit", "单元", "Unit", key=True),
        integer("year", "年份", "Year", key=True, minimum=1984, maximum=2200),
        decimal("index", "指数", "Index", "-", needed=True),
    ),
)
CONTROLS = Table(
    name="controls",
    title_zh="对照地块",
    title_en="Control parcels of an inventory run",
    row_per="control parcel",
    columns=(text_column("parcel", "地块", "Parcel", key=True), text_column("stratum", "碳层", "Stratum", needed=True)),
)


def quantify(tables: Tables, parameters: Parameters, draw_axis: int) -> Mapping[str, Array]:
    """Change of shrubs at plots, at most to the average of the cycle, less the share that matched controls show as well."""
    found = dict(woody.change_of_plants(tables, parameters, CLAUSE, kinds=("SHRUB",)))
    strata = tables["strata"]
    area = as_row(strata["area_ha"])
    names = list(strata["stratum"])
    average = _averages(tables)
    start, end = (_capped(found[f"stock_{survey}_SHRUB"], area, average, names) for survey in (1, 2))
    credited, measured = end - start, found["dC_SHRUB"]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = credited / measured
    found["se_dC_SHRUB"] = found["se_dC_SHRUB"] * np.abs(np.where(np.isfinite(ratio), ratio, 1.0))
    found["dC_SHRUB"] = credited
    found["dC_BSL"] = _benchmark(tables) * np.maximum(credited, 0.0 * credited)
    found["GHG_FIRE"] = fire.gases_of_strata(tables, parameters)
    found["LK"] = 0.0 * found["dC_BSL"]
    return found


def _averages(tables: Tables) -> list[Array | None]:
    """Mean stock over the coppice cycle of each stratum [tCO2e ha-1]; none where it is not coppiced.

    Raises
    ------
    Refusal
        A coppiced stratum without a curve over a full cycle from age 0.
    """
    cycle = tables["cycle"]
    found: list[Array | None] = []
    for stratum, management in zip(tables["strata"]["stratum"], tables["strata"]["management"], strict=True):
        rows = cycle["stratum"] == stratum
        if management != "coppicing" and not rows.any():
            found.append(None)
            continue
        ages = cycle["age_yr"][rows]
        order = np.argsort(ages)
        if rows.sum() < 2 or not bool(ages[order][0] == 0.0 * ages[order][0]):
            raise Refusal(CLAUSE, f"{stratum}: cycle", "age 0 .. full cycle, n >= 2")
        found.append(cycles.long_term_average(ages[order], cycle["stock_tCO2e_ha"][rows][order], at=[stratum]))
    return found


def _capped(stock: Array, area: Array, averages: list[Array | None], names: list[str]) -> Array:
    """Stock of the strata [tCO2e], at most the average of the cycle."""
    density = stock / area
    parts = [
        density[:, place] if average is None else cycles.at_most_average(density[:, place], average, at=[names[place]])
        for place, average in enumerate(averages)
    ]
    return np.stack(parts, axis=-1) * area


def _benchmark(tables: Tables) -> Array:
    """Share of the change that matched controls show as well, per stratum.

    Raises
    ------
    Refusal
        A stratum whose index or controls are missing or too short.
    """
    index = _index(tables)
    found = []
    for stratum in tables["strata"]["stratum"]:
        slopes = {}
        for group in ("project", "control"):
            rows = [row for row in index if row[0] == stratum and row[1] == group]
            years = sorted({row[2] for row in rows})
            if len(years) < FEWEST_YEARS:
                raise Refusal(CLAUSE, f"{stratum}, {group}: {len(years)} a", f"stocking_index, n >= {FEWEST_YEARS} a")
            means = [np.mean([row[3] for row in rows if row[2] == year]) for year in years]
            slopes[group] = cycles.index_slope(np.array(years, dtype=np.float64), np.array(means), at=[f"{stratum} {group}"])
        found.append(cycles.performance_benchmark(np.array([slopes["control"]]), np.array([slopes["project"]]), at=[stratum])[0])
    return np.array([found])


FEWEST_YEARS = 3
"""A slope needs three years; a rule of this draft."""

Row = tuple[str, str, int, float]


def _index(tables: Tables) -> list[Row]:
    """The index by stratum, group and year: from the project's table, or living biomass of an inventory run."""
    given = tables["stocking_index"]
    values = np.asarray(getattr(given["index"], "magnitude", given["index"]))
    rows: list[Row] = list(zip(given["stratum"].tolist(), given["group"].tolist(), given["year"].tolist(), values.tolist(), strict=True))
    if rows or not len(tables["inventory"]["parcel"]):
        return rows
    groups = {
        parcel: (stratum, "project") for parcel, stratum in zip(tables["parcels"]["parcel"], tables["parcels"]["stratum"], strict=True)
    }
    groups |= {
        parcel: (stratum, "control") for parcel, stratum in zip(tables["controls"]["parcel"], tables["controls"]["stratum"], strict=True)
    }
    inventory = tables["inventory"]
    density = np.asarray(getattr(inventory["density_tC_ha"], "magnitude", inventory["density_tC_ha"]))
    return [
        (*groups[parcel], year, value)
        for parcel, year, pool, value in zip(
            inventory["parcel"].tolist(), inventory["year"].tolist(), inventory["pool"].tolist(), density.tolist(), strict=True
        )
        if parcel in groups and pool == "aboveground_biomass"
    ]


def existing_shrub(tables: Tables, parameters: Parameters) -> list[str]:
    """Strata of new planting, which belong to CCER-14-001."""
    strata = tables["strata"]
    return [
        f"{stratum}: new planting -> ccer_14_001_v01"
        for stratum, land in zip(strata["stratum"], strata["land_before"], strict=True)
        if land != "planted_shrub"
    ]


def controls_apart(tables: Tables, parameters: Parameters) -> list[str]:
    """Control parcels that are parcels of the project."""
    return sorted(set(tables["controls"]["parcel"]) & set(tables["parcels"]["parcel"]))


def end_after_start(tables: Tables, parameters: Parameters) -> list[str]:
    """A period outside the crediting period."""
    period, project = tables["period"], tables["project"]
    return [
        f"{start}..{end} / {begin}..{stop}"
        for start, end in zip(period["start"], period["end"], strict=True)
        for begin, stop in zip(project["crediting_start"], project["crediting_end"], strict=True)
        if calendar_time(start) < calendar_time(begin) or calendar_time(end) > calendar_time(stop)
    ]


def risk(terms: Mapping[str, Array], parameters: Parameters, tables: Tables) -> Mapping[str, Array]:
    """The risk share, higher where groundwater falls or rain is scarce."""
    site = tables["site"]
    dry = bool((site["precipitation_mm"] < parameters("scarce_precipitation")[0]).any())
    share = parameters("risk_share") + (parameters("risk_share_dry") if dry or bool(site["groundwater_falling"].any()) else 0.0)
    return {"net": less_risk_share(terms["net"], share, at=list(tables["strata"]["stratum"]))}


def precision_with_benchmark(terms: Mapping[str, Array], parameters: Parameters, tables: Tables) -> Mapping[str, Array]:
    """Deduct for precision; the benchmark stays in proportion to what is left of the change."""
    changed = dict(woody.precision_deduction(terms, parameters, tables))
    before, after = total(terms["dC_SHRUB"]), total(changed["dC_SHRUB"])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = after / before
    changed["dC_BSL"] = terms["dC_BSL"] * np.where(np.isfinite(ratio), ratio, 1.0)
    return changed


METHODOLOGY = Methodology(
    id="planted_shrubland",
    title="人工灌木林经营碳汇（地区草案）",
    title_en="Planted shrubland under management (regional draft)",
    status="regional_draft",
    source="Draft of this product after METHODOLOGIES 2.9, AR-TOOL14 v4.2 and VM0047 v1.0; no published methodology was found",
    ecosystem="forest",
    conditions=(
        Condition(
            id="existing",
            test=existing_shrub,
            tag="X",
            clause="项目土地为既有人工灌木林；在非林地上新造灌木林适用 CCER-14-001-V01",
            clause_en="the land is existing planted shrubland; new planting on non-forest land goes to CCER-14-001-V01",
        ),
        Condition(id="tenure", stated=True, tag="X", clause="土地权属清晰", clause_en="clear tenure"),
        Condition(id="not_wetland", stated=True, tag="X", clause="项目土地不属于湿地", clause_en="the land is no wetland"),
        Condition(
            id="activity",
            stated=True,
            tag="X",
            clause="平茬复壮、围封或补植有作业记录",
            clause_en="coppicing, enclosure or replanting is documented",
        ),
        Condition(
            id="matching",
            test=controls_apart,
            stated=True,
            tag="X",
            clause="对照按气候、土壤、坡位、起始盖度配对，且在项目边界之外",
            clause_en="controls are matched by climate, soil, position and initial cover, and lie outside the project",
        ),
        Condition(
            id="grazing",
            stated=True,
            tag="X",
            clause="不引起放牧转移，或转移到承载力以内的草地",
            clause_en="no grazing is displaced, or only to land within its carrying capacity",
        ),
        Condition(
            id="period", test=end_after_start, tag="X", clause="核算期在计入期内", clause_en="the period lies in the crediting period"
        ),
        Condition(
            id="uniqueness",
            stated=True,
            tag="K:0.85",
            clause="项目未参与其他温室气体交易机制",
            clause_en="the project takes part in no other mechanism",
        ),
    ),
    pools=(
        Pool(name="aboveground_biomass", baseline=True, project=True, reason="主要碳库", reason_en="main pool"),
        Pool(
            name="belowground_biomass",
            baseline=True,
            project=True,
            reason="主要碳库；平茬后根系保留",
            reason_en="main pool; roots stay after a cut",
        ),
        Pool(name="dead_wood", baseline=False, project=False, reason="量小，不计", reason_en="small; left out"),
        Pool(name="litter", baseline=False, project=False, reason="量小，不计", reason_en="small; left out"),
        Pool(
            name="soil_organic_carbon",
            baseline=False,
            project=False,
            reason="缺少本地速率，保守不计",
            reason_en="no local rate; left out, conservative",
        ),
    ),
    parameters=Path(__file__).with_suffix(".csv"),
    tables={
        "strata": STRATA,
        "site": SITE,
        "plots": PLOTS,
        "shrubs": SHRUBS,
        "cycle": CYCLE,
        "stocking_index": INDEX,
        "controls": CONTROLS,
        "inventory": INVENTORY,
        "fires": fire.FIRES,
    },
    optional=("cycle", "stocking_index", "controls", "inventory", "fires"),
    allows_inventory=("strata", "densities"),
    terms=(
        *woody.change_terms("SHRUB"),
        Term(name="GHG_FIRE", role="emission", unit="tCO2e", pool="non_co2", title="火灾非二氧化碳排放", title_en="non-CO2 gases of fire"),
        Term(
            name="dC_BSL",
            role="baseline",
            unit="tCO2e",
            pool="living_biomass",
            title="基线（对照基准）碳汇量",
            title_en="baseline removal by the benchmark",
        ),
        Term(name="LK", role="leakage", unit="tCO2e", pool="living_biomass", title="泄漏", title_en="leakage"),
    ),
    quantify=quantify,
    deductions=(
        Deduction(
            id="range",
            kind="guard",
            change=woody.refuse_outside_range,
            clause="方程适用范围外的生物量占比不超过 20%（产品规定）",
            clause_en="at most 20 % of the biomass outside the range of its equation (rule of this product)",
        ),
        Deduction(
            id="precision",
            kind="uncertainty",
            change=precision_with_benchmark,
            clause="90% 置信度相对误差 10/20/30%，扣减 0/6/11%",
            clause_en="relative error at 90 % confidence 10, 20, 30 %: deduction 0, 6, 11 %",
        ),
        Deduction(
            id="risk",
            kind="risk",
            on="net",
            change=risk,
            clause="风险扣减 10%，地下水位下降或年降水量低于 250 毫米时加 5%（建议）",
            clause_en="10 % for risk, 5 % more where groundwater falls or precipitation is below 250 mm (proposal)",
        ),
    ),
    examples=(
        Example(
            title="W2 plants, a quarter of the growth is that of the controls",
            source="METHODOLOGIES 6 W2 (synthetic plant); benchmark 0.01 / 0.04",
            inputs={
                "strata": {
                    "stratum": ["S1"],
                    "area_ha": [1.0],
                    "species": ["caragana_korshinskii"],
                    "land_before": ["planted_shrub"],
                    "management": ["enclosure"],
                },
                "site": {"climate": ["cool_temperate_dry"], "precipitation_mm": [240.0], "groundwater_falling": [False]},
                "plots": {"plot": ["P1", "P2", "P3"], "stratum": ["S1"] * 3, "plot_area_m2": [600.0] * 3},
                "shrubs": {
                    "plot": ["P1", "P2", "P3"],
                    "survey": [2] * 3,
                    "shrub": ["1"] * 3,
                    "species": ["caragana_korshinskii"] * 3,
                    "height_m": [1.0] * 3,
                    "crown_1_m": [0.9] * 3,
                    "crown_2_m": [0.8] * 3,
                    "stands_for": [150] * 3,
                },
                "stocking_index": {
                    "stratum": ["S1"] * 6,
                    "group": ["project"] * 3 + ["control"] * 3,
                    "unit": ["1"] * 6,
                    "year": [2020, 2021, 2022] * 2,
                    "index": [0.20, 0.24, 0.28, 0.20, 0.21, 0.22],
                },
            },
            expected={"dC_SHRUB": 2.521900, "dC_BSL": 2.521900 / 4, "net": 2.521900 * 0.75, "creditable": 2.521900 * 0.75 * 0.85},
        ),
        Example(
            title="coppice: never above the average of the cycle",
            source="long-term average of the cycle 0 -> 4 years, 1 to 3 tCO2e/ha: 2 tCO2e/ha, by hand",
            inputs={
                "strata": {
                    "stratum": ["S1"],
                    "area_ha": [1.0],
                    "species": ["caragana_korshinskii"],
                    "land_before": ["planted_shrub"],
                    "management": ["coppicing"],
                },
                "site": {"climate": ["cool_temperate_dry"], "precipitation_mm": [300.0], "groundwater_falling": [False]},
                "plots": {"plot": ["P1", "P2", "P3"], "stratum": ["S1"] * 3, "plot_area_m2": [600.0] * 3},
                "shrubs": {
                    "plot": ["P1", "P2", "P3"],
                    "survey": [2] * 3,
                    "shrub": ["1"] * 3,
                    "species": ["caragana_korshinskii"] * 3,
                    "height_m": [1.0] * 3,
                    "crown_1_m": [0.9] * 3,
                    "crown_2_m": [0.8] * 3,
                    "stands_for": [150] * 3,
                },
                "cycle": {"stratum": ["S1"] * 3, "age_yr": [0.0, 2.0, 4.0], "stock_tCO2e_ha": [1.0, 2.0, 3.0]},
                "stocking_index": {
                    "stratum": ["S1"] * 6,
                    "group": ["project"] * 3 + ["control"] * 3,
                    "unit": ["1"] * 6,
                    "year": [2020, 2021, 2022] * 2,
                    "index": [0.20, 0.24, 0.28, 0.20, 0.20, 0.20],
                },
            },
            expected={"dC_SHRUB": 2.0, "net": 2.0, "creditable": 1.8},
        ),
    ),
    note="没有检索到已发布的人工灌木林方法学；本模块是草案，不得用于减排量登记。",
    note_en="No published methodology for planted shrubland was found; this module is a draft and nothing of it may be registered.",
)
