"""Natural forest under documented management (天然林), a regional draft.

No published methodology was found. It follows METHODOLOGIES 2.9: change at re-measured
plots less the growth curve of the same type, age and site; the activity is documented;
disturbance is told as a reversal. Stopping a harvest that the logging ban stopped
already is no activity.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aoi.table import Table
from methodologies.contract import Array, Condition, Deduction, Example, Methodology, Parameters, Pool, Refusal, Rows, Tables, Term
from methodologies.dimensions import regression
from methodologies.tables import DATE, PLOTS, STATED_AREA, STRATUM, TREES, VOLUMES, decimal, text_column
from methodologies.tools import fire, woody
from methodologies.tools.arrays import as_row, group_sums, places
from methodologies.tools.dates import calendar_time
from methodologies.trace import equation

CLAUSE = "METHODOLOGIES 2.9 natural_forest"

STRATA = Table(
    name="strata",
    title_zh="碳层",
    title_en="Strata",
    row_per="stratum",
    columns=(
        STRATUM,
        STATED_AREA,
        text_column("species", "优势树种", "Dominant species", needed=True, description="Chinese or Latin name, or key"),
        text_column("origin", "起源", "Origin", needed=True, choices=("natural", "planted")),
        text_column("curve", "生长曲线", "Growth curve", needed=True, description="type, age and site as in the table growth_curves"),
        decimal("age_yr", "期初林龄", "Age at the start of the period", "yr", needed=True, minimum=0, maximum=400),
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
    ),
)
CURVES = Table(
    name="growth_curves",
    title_zh="基线生长曲线",
    title_en="Growth curves of the baseline",
    row_per="curve and age",
    columns=(
        text_column("curve", "生长曲线", "Curve", key=True),
        decimal("age_yr", "林龄", "Age", "yr", key=True, minimum=0, maximum=400),
        decimal("biomass_t_ha", "生物量（含根）", "Biomass with roots", "t d.m. ha-1", needed=True, minimum=0, maximum=1000),
        text_column("source", "来源", "Source", needed=True, description="inventory plots of the same type, age and site"),
    ),
)
ACTIVITIES = Table(
    name="activities",
    title_zh="经营活动",
    title_en="Activities",
    row_per="stratum, activity and date",
    columns=(
        STRATUM,
        text_column("activity", "活动", "Activity", key=True, choices=("tending", "replanting", "fire_line", "pest_control")),
        text_column("date", "日期", "Date", key=True, pattern=DATE),
        decimal("area_ha", "面积", "Area", "ha", needed=True, minimum=0),
        text_column("evidence", "凭证", "Evidence", needed=True),
    ),
)
DISTURBANCES = Table(
    name="disturbances",
    title_zh="自然干扰",
    title_en="Natural disturbance",
    row_per="stratum and date",
    columns=(
        STRATUM,
        text_column("date", "日期", "Date", key=True, pattern=DATE),
        text_column("kind", "类型", "Kind", needed=True, choices=("fire", "pest", "wind", "drought", "other")),
        decimal("area_ha", "面积", "Area", "ha", needed=True, minimum=0),
        decimal("lost_share", "损失比例", "Share of biomass lost", "-", needed=True, minimum=0, maximum=1),
    ),
)


def quantify(tables: Tables, parameters: Parameters, draw_axis: int) -> Mapping[str, Array]:
    """Change of trees at plots, the baseline by the growth curve, fire, and reversals."""
    found = dict(woody.change_of_plants(tables, parameters, CLAUSE, kinds=("TREE",)))
    found["dC_BSL"] = _baseline(tables, parameters)
    found["GHG_FIRE"] = fire.gases_of_strata(tables, parameters)
    found["REVERSAL"] = _reversals(tables, found["stock_1_TREE"])
    found["LK"] = 0.0 * found["dC_BSL"]
    return found


def _baseline(tables: Tables, parameters: Parameters) -> Array:
    """Growth of the strata by their curve over the period [tCO2e].

    Raises
    ------
    Refusal
        A curve that is missing or does not reach from the age at the start to that at the end.
    """
    strata, curves = tables["strata"], tables["growth_curves"]
    years = tables["period"]["years"][0]
    growth = []
    for stratum, curve, age in zip(strata["stratum"], strata["curve"], strata["age_yr"], strict=True):
        rows = curves["curve"] == curve
        ages = curves["age_yr"][rows]
        if not rows.any() or bool(age < ages.min()) or bool(age + years > ages.max()):
            known = f"{_number(ages.min()):g} .. {_number(ages.max()):g}" if rows.any() else "-"
            raise Refusal(CLAUSE, f"{stratum}, {curve}: {_number(age):g} .. {_number(age + years):g} a", f"growth_curves: {known} a")
        growth.append(growth_by_curve(age, age + years, ages, curves["biomass_t_ha"][rows], at=[stratum]))
    return baseline_growth(
        as_row(strata["area_ha"]),
        as_row(np.stack(growth)),
        parameters("carbon_fraction", species=strata["species"]),
        parameters("co2_per_carbon"),
        at=list(strata["stratum"]),
    )


def _number(value: Any) -> float:
    plain: Any = getattr(value, "magnitude", value)
    return float(plain)


@equation("db", "t d.m. ha-1", "db = b(age + years) - b(age), linear between the ages of the curve", "METHODOLOGIES 2.9 natural_forest")
@regression("t d.m. ha-1", age_start="yr", age_end="yr", ages="yr", biomass="t d.m. ha-1")
def growth_by_curve(age_start: Array, age_end: Array, ages: Array, biomass: Array) -> Array:
    """Growth of biomass by a curve [t d.m. ha-1] from one age to another."""
    order = np.argsort(ages)
    return np.asarray(np.interp(age_end, ages[order], biomass[order]) - np.interp(age_start, ages[order], biomass[order]))


@equation("dC_BSL", "tCO2e", "dC_BSL = 44/12 * CF * A * db", "METHODOLOGIES 2.9; IPCC 2006 Eq 2.8")
def baseline_growth(area: Array, growth: Array, carbon_fraction: Array, co2_per_carbon: Array) -> Array:
    """Baseline removal [tCO2e] of growth in biomass [t d.m. ha-1]."""
    return co2_per_carbon * carbon_fraction * area * growth


def _reversals(tables: Tables, stock: Array) -> Array:
    """Carbon lost by disturbance [tCO2e]; it is in the change at the plots already and is told, not subtracted."""
    strata, lost = tables["strata"], tables["disturbances"]
    at = places(list(lost["stratum"]), list(strata["stratum"]))
    share = lost["area_ha"] * lost["lost_share"] / strata["area_ha"][at]
    return group_sums(stock[:, at] * as_row(share), at, len(strata["stratum"]))


def natural_origin(tables: Tables, parameters: Parameters) -> list[str]:
    """Strata that were planted."""
    return [
        f"{stratum}: planted"
        for stratum, origin in zip(tables["strata"]["stratum"], tables["strata"]["origin"], strict=True)
        if origin != "natural"
    ]


def active(tables: Tables, parameters: Parameters) -> list[str]:
    """Strata without an activity before the end of the period."""
    done = {
        stratum
        for stratum, date in zip(tables["activities"]["stratum"], tables["activities"]["date"], strict=True)
        if all(calendar_time(date) <= calendar_time(end) for end in tables["period"]["end"])
    }
    return [f"{stratum}: -" for stratum in tables["strata"]["stratum"] if stratum not in done]


def period_in_crediting(tables: Tables, parameters: Parameters) -> list[str]:
    """A period outside the crediting period."""
    period, project = tables["period"], tables["project"]
    return [
        f"{start}..{end} / {begin}..{stop}"
        for start, end in zip(period["start"], period["end"], strict=True)
        for begin, stop in zip(project["crediting_start"], project["crediting_end"], strict=True)
        if calendar_time(start) < calendar_time(begin) or calendar_time(end) > calendar_time(stop)
    ]


_STRATA: Rows = {
    "stratum": ["S1"],
    "area_ha": [350.0],
    "species": ["larch"],
    "origin": ["natural"],
    "curve": ["larch II"],
    "age_yr": [40.0],
}
_VOLUMES: Rows = {
    "plot": ["P1", "P2", "P3"] * 2,
    "survey": [1, 1, 1, 2, 2, 2],
    "species": ["larch"] * 6,
    "volume_m3_ha": [85.0, 85.0, 85.0, 97.0, 97.0, 97.0],
}
_CURVES: Rows = {"curve": ["larch II"] * 3, "age_yr": [30.0, 40.0, 50.0], "biomass_t_ha": [60.0, 71.0, 79.0], "source": ["synthetic"] * 3}
_ACTIVITIES: Rows = {"stratum": ["S1"], "activity": ["tending"], "date": ["2021-06-01"], "area_ha": [350.0], "evidence": ["synthetic"]}
_PERIOD: Rows = {"start": ["2020-12-31"], "end": ["2025-12-31"], "years": [5.0], "year_from": [2020.0], "year_to": [2025.0]}

METHODOLOGY = Methodology(
    id="natural_forest",
    title="天然林经营碳汇（地区草案）",
    title_en="Natural forest under management (regional draft)",
    status="regional_draft",
    source="Draft of this product after METHODOLOGIES 2.9 and AR-CM-003-V01; no published methodology was found",
    ecosystem="forest",
    conditions=(
        Condition(
            id="natural",
            test=natural_origin,
            tag="X",
            clause="碳层均为天然起源的乔木林",
            clause_en="all strata are arbor forest of natural origin",
        ),
        Condition(
            id="activity",
            test=active,
            tag="X",
            clause="每个碳层有抚育、补植、防火线或病虫害防治的作业记录",
            clause_en="tending, replanting, fire lines or pest control are documented in each stratum",
        ),
        Condition(
            id="additional",
            stated=True,
            tag="X",
            clause="项目活动超出禁伐等法定义务；停止商业性采伐不作为项目活动",
            clause_en="the activity goes beyond legal duties such as the logging ban; a stop of commercial logging is no activity",
        ),
        Condition(id="tenure", stated=True, tag="X", clause="林地权属清晰", clause_en="clear tenure"),
        Condition(
            id="not_wetland",
            stated=True,
            tag="X",
            clause="项目土地不属于湿地（含森林沼泽）",
            clause_en="the land is no wetland, forest swamp included",
        ),
        Condition(
            id="harvest",
            stated=True,
            tag="X",
            clause="不移除枯死木和枯落物（卫生伐除外），不全面清理",
            clause_en="no removal of dead wood and litter but for sanitation",
        ),
        Condition(
            id="period", test=period_in_crediting, tag="X", clause="核算期在计入期内", clause_en="the period lies in the crediting period"
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
        Pool(name="belowground_biomass", baseline=True, project=True, reason="主要碳库", reason_en="main pool"),
        Pool(name="dead_wood", baseline=False, project=False, reason="缺少基线数据，不计", reason_en="no data for a baseline; left out"),
        Pool(name="litter", baseline=False, project=False, reason="不计", reason_en="left out"),
        Pool(name="soil_organic_carbon", baseline=False, project=False, reason="方法规定不计", reason_en="left out by the method"),
    ),
    parameters=Path(__file__).with_suffix(".csv"),
    tables={
        "strata": STRATA,
        "site": SITE,
        "plots": PLOTS,
        "trees": TREES,
        "volumes": VOLUMES,
        "growth_curves": CURVES,
        "activities": ACTIVITIES,
        "disturbances": DISTURBANCES,
        "fires": fire.FIRES,
    },
    optional=("trees", "volumes", "disturbances", "fires"),
    allows_inventory=("strata",),
    terms=(
        *woody.change_terms("TREE"),
        Term(name="GHG_FIRE", role="emission", unit="tCO2e", pool="non_co2", title="火灾非二氧化碳排放", title_en="non-CO2 gases of fire"),
        Term(name="dC_BSL", role="baseline", unit="tCO2e", pool="living_biomass", title="基线生长量", title_en="baseline growth"),
        Term(name="LK", role="leakage", unit="tCO2e", pool="living_biomass", title="泄漏", title_en="leakage"),
        Term(
            name="REVERSAL",
            role="memo",
            unit="tCO2e",
            title="自然干扰逆转量（已含于变化量）",
            title_en="reversals by disturbance (in the change already)",
        ),
    ),
    quantify=quantify,
    deductions=(
        Deduction(
            id="precision",
            kind="uncertainty",
            change=woody.precision_deduction,
            clause="90% 置信度相对误差 10/20/30%，扣减 0/6/11%",
            clause_en="relative error at 90 % confidence 10, 20, 30 %: deduction 0, 6, 11 %",
        ),
        Deduction(
            id="risk",
            kind="risk",
            on="net",
            change=woody.deduct_risk,
            clause="风险扣减 10%（暂定）",
            clause_en="10 % for risk (placeholder)",
        ),
    ),
    examples=(
        Example(
            title="W7 stratum less the growth of its curve",
            source="METHODOLOGIES 6 W7 (synthetic); curve 71 -> 75 t/ha in 5 years: 350 * 4 * 0.521 * 44/12",
            inputs={
                "strata": _STRATA,
                "site": {"climate": ["boreal"]},
                "plots": {"plot": ["P1", "P2", "P3"], "stratum": ["S1"] * 3, "plot_area_m2": [600.0] * 3},
                "volumes": _VOLUMES,
                "growth_curves": _CURVES,
                "activities": _ACTIVITIES,
                "period": _PERIOD,
            },
            expected={"dC_TREE": 6747.150497, "dC_BSL": 350 * 4 * 0.521 * 44 / 12, "net": 6747.150497 - 350 * 4 * 0.521 * 44 / 12},
        ),
        Example(
            title="a curve that ends before the period does",
            source="ACCOUNTING 6: age equations outside their range give way",
            inputs={
                "strata": {**_STRATA, "age_yr": [48.0]},
                "site": {"climate": ["boreal"]},
                "plots": {"plot": ["P1", "P2", "P3"], "stratum": ["S1"] * 3, "plot_area_m2": [600.0] * 3},
                "volumes": _VOLUMES,
                "growth_curves": _CURVES,
                "activities": _ACTIVITIES,
                "period": _PERIOD,
            },
            expected={},
            refused=CLAUSE,
        ),
        Example(
            title="planted and without an activity",
            source="METHODOLOGIES 2.9",
            inputs={
                "strata": {**_STRATA, "origin": ["planted"]},
                "site": {"climate": ["boreal"]},
                "plots": {"plot": ["P1", "P2", "P3"], "stratum": ["S1"] * 3, "plot_area_m2": [600.0] * 3},
                "volumes": _VOLUMES,
                "growth_curves": _CURVES,
                "period": _PERIOD,
            },
            expected={"dC_TREE": 6747.150497},
            broken=("natural", "activity"),
        ),
    ),
    note="没有检索到已发布的天然林方法学；本模块是草案，不得用于减排量登记。",
    note_en="No published methodology for natural forest was found; this module is a draft and nothing of it may be registered.",
)
