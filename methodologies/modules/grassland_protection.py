"""Grassland protection (草原保护), a regional draft.

No published methodology was found. It follows METHODOLOGIES 2.9: soil by twenty-year
cohorts of better management, or measured at equal soil mass against controls; leakage
by displaced grazing; the one-sided t rule of VM0042. Herbs are weather and left out.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aoi.table import Table
from methodologies.contract import Array, Condition, Deduction, Example, Methodology, Parameters, Pool, Refusal, Rows, Tables, Term
from methodologies.tables import DATE, PLOT, STATED_AREA, STRATUM, SURVEY, decimal, integer, text_column
from methodologies.tools import deductions, leakage, plots, soil, woody
from methodologies.tools.arrays import as_row, places, total
from methodologies.tools.dates import calendar_time
from methodologies.trace import equation
from sinks.factors.table import CLIMATES, SOILS

CLAUSE = "METHODOLOGIES 2.9 grassland_protection"
LEVELS = ("nominal", "high_intensity", "severely_degraded", "improved")

STRATA = Table(
    name="strata",
    title_zh="碳层",
    title_en="Strata",
    row_per="stratum, a cohort of one practice start",
    columns=(
        STRATUM,
        STATED_AREA,
        text_column("practice_start", "措施开始日期", "Practice since", pattern=DATE, needed=True),
        text_column(
            "route",
            "核算途径",
            "Route",
            needed=True,
            choices=("default", "measured"),
            description="default: factors over twenty years; measured: cores at equal soil mass",
        ),
        text_column("climate", "气候带", "Climate", needed=True, choices=CLIMATES),
        text_column("soil", "土壤类型", "Soil", needed=True, choices=SOILS),
        text_column("level_before", "项目前管理水平", "Management before", needed=True, choices=LEVELS),
        text_column("level_after", "项目管理水平", "Management with the project", needed=True, choices=LEVELS),
        decimal(
            "removed_SU",
            "移出牲畜",
            "Stock removed",
            "SU",
            minimum=0,
            optional=True,
            description="sheep units that grazed here and do not any more",
        ),
        decimal("absorbed_SU", "承载力内吸纳牲畜", "Stock absorbed within carrying capacity", "SU", minimum=0, optional=True),
        decimal("outside_SU_ha", "转入地载畜率", "Stocking rate of the land they go to", "SU ha-1", minimum=0.01, optional=True),
        text_column("outside_before", "转入地原管理水平", "Management of that land before", choices=LEVELS, optional=True),
        text_column("outside_after", "转入地后管理水平", "Management of that land after", choices=LEVELS, optional=True),
    ),
)
PLOTS = Table(
    name="plots",
    title_zh="样地",
    title_en="Plots",
    row_per="permanent plot",
    columns=(
        PLOT,
        text_column("stratum", "碳层", "Stratum", needed=True),
        text_column("group", "组别", "Group", needed=True, choices=("project", "control")),
        decimal("lon", "经度", "Longitude", "degree", minimum=-180, maximum=180, optional=True),
        decimal("lat", "纬度", "Latitude", "degree", minimum=-90, maximum=90, optional=True),
    ),
)
CORES = Table(
    name="soil_cores",
    title_zh="土芯",
    title_en="Soil cores",
    row_per="plot, survey and layer",
    columns=(
        PLOT,
        SURVEY,
        integer("layer", "土层", "Layer", key=True, minimum=1, maximum=20, description="1 is the top"),
        decimal("soil_mass_g", "土芯干重", "Dry mass of soil", "g", needed=True, minimum=1),
        decimal("carbon_g_kg", "有机碳含量", "Organic carbon", "g kg-1", needed=True, minimum=0, maximum=600),
        decimal("core_area_cm2", "土芯截面积", "Core area", "cm2", needed=True, minimum=0.1),
        decimal("cores", "土芯数", "Cores", "-", needed=True, minimum=1),
    ),
)


def quantify(tables: Tables, parameters: Parameters, draw_axis: int) -> Mapping[str, Array]:
    """Soil by default factors or by cores, baseline by controls, and leakage by displaced grazing."""
    gain, error = _default_soil(tables, parameters)
    measured, measured_error, baseline, freedom = _measured_soil(tables, parameters)
    by_core = as_row((tables["strata"]["route"] == "measured").astype(np.float64))
    return {
        "dC_SOC": gain * (1.0 - by_core) + measured * by_core,
        "se_dC_SOC": np.sqrt((error * (1.0 - by_core)) ** 2 + (measured_error * by_core) ** 2),
        "df_dC_SOC": np.where(by_core > 0, freedom, LARGE),
        "dC_BSL": baseline * by_core,
        "LK": _leakage(tables, parameters),
    }


LARGE = 1e6
"""Degrees of freedom of an error that comes from a table and not from plots."""


def _factor(parameters: Parameters, levels: Array) -> Array:
    """Management factors of levels, shape (draws, strata)."""
    return np.concatenate([parameters(f"management_{level or 'nominal'}") for level in levels], axis=-1)


def _factor_errors(parameters: Parameters, levels: Array) -> Array:
    return np.concatenate([parameters.standard_error(f"management_{level or 'nominal'}") for level in levels], axis=-1)


def _years(tables: Tables, parameters: Parameters) -> Array:
    """Years of the period in which each cohort is in transition."""
    period = tables["period"]
    one_year = period["years"] / getattr(period["years"], "magnitude", period["years"])
    start = np.array([np.floor(calendar_time(one)) for one in tables["strata"]["practice_start"]]) * one_year
    return soil.years_in_transition(
        start, period["year_from"], period["year_to"], parameters("transition_years"), at=list(tables["strata"]["stratum"])
    )


def _default_soil(tables: Tables, parameters: Parameters) -> tuple[Array, Array]:
    """Soil gain over the period by factors [tCO2e], and its standard error by the stated ranges."""
    strata, names = tables["strata"], list(tables["strata"]["stratum"])
    reference = parameters("soil_reference", climate=strata["climate"], soil=strata["soil"])
    before, after = (_factor(parameters, strata[f"level_{when}"]) for when in ("before", "after"))
    duration = parameters("transition_years")
    rate = soil.management_soil_rate(reference, before, after, duration, at=names)
    years, area, co2 = _years(tables, parameters), as_row(strata["area_ha"]), parameters("co2_per_carbon")
    spread = soil_rate_error(
        reference,
        parameters.standard_error("soil_reference", climate=strata["climate"], soil=strata["soil"]),
        before,
        _factor_errors(parameters, strata["level_before"]),
        after,
        _factor_errors(parameters, strata["level_after"]),
        duration,
        at=names,
    )
    return soil.soil_gain(area, rate, years, co2, at=names), soil.soil_gain(area, spread, years, co2, at=names)


@equation("SE", "tC ha-1 yr-1", "SE = sqrt((SE_ref (F_P - F_B))^2 + (ref SE_P)^2 + (ref SE_B)^2) / D", "IPCC 2006 V1 ch3 Eq 3.1-3.2")
def soil_rate_error(
    reference: Array, reference_error: Array, before: Array, before_error: Array, after: Array, after_error: Array, duration: Array
) -> Array:
    """Standard error of the soil rate by error propagation [tC ha-1 yr-1]; equal levels share their error."""
    change = after - before
    moving = np.where(change == 0.0, 0.0, 1.0)
    return np.sqrt((reference_error * change) ** 2 + ((reference * after_error) ** 2 + (reference * before_error) ** 2) * moving) / duration


def _measured_soil(tables: Tables, parameters: Parameters) -> tuple[Array, Array, Array, Array]:
    """Soil change of project plots and of controls by stratum [tCO2e], their joint standard error, and degrees of freedom.

    Raises
    ------
    Refusal
        A measured stratum with too few plots in a group, or a plot without both surveys.
    """
    strata, sampled = tables["strata"], tables["plots"]
    names = list(strata["stratum"])
    area, co2 = strata["area_ha"], parameters("co2_per_carbon")
    wanted = [name for name, route in zip(names, strata["route"], strict=True) if route == "measured"]
    nothing = 0.0 * as_row(area) * parameters("no_density")
    if not wanted:
        return nothing, nothing, nothing, np.ones((1, len(names)))
    change = _core_changes(tables, wanted)
    parts = {}
    for group in ("project", "control"):
        chosen = np.flatnonzero(
            np.array([one == group and stratum in wanted for one, stratum in zip(sampled["group"], sampled["stratum"], strict=True)])
        )
        at = places(list(sampled["stratum"][chosen]), names)
        few = [
            f"{name}, {group}: n = {int((at == place).sum())}"
            for place, name in enumerate(names)
            if name in wanted and (at == place).sum() < float(parameters("fewest_plots")[0, 0])
        ]
        if few:
            raise Refusal(CLAUSE, "; ".join(few), f"n >= {float(parameters('fewest_plots')[0, 0]):g}")
        density = np.stack([change[plot] for plot in sampled["plot"][chosen]])[np.newaxis, :] * co2
        labels = [f"{name} {group}" for name in names]
        parts[group] = (
            plots.stratum_change(area, density, at, at=labels),
            plots.stratum_standard_error(area, density, at, at=labels),
            plots.degrees_of_freedom(at, len(names)),
        )
    project, control = parts["project"], parts["control"]
    return project[0], np.sqrt(project[1] ** 2 + control[1] ** 2), control[0], as_row(project[2] + control[2])


def _core_changes(tables: Tables, wanted: list[str]) -> dict[str, Array]:
    """Change of soil carbon of each plot between the surveys [tC ha-1], at the mass that all surveys of its stratum reach."""
    sampled, found = tables["plots"], {}
    for stratum in wanted:
        own = [plot for plot, of in zip(sampled["plot"], sampled["stratum"], strict=True) if of == stratum]
        layers = {(plot, survey): _layers(tables, plot, survey) for plot in own for survey in (1, 2)}
        empty = [f"{plot}, {survey}" for (plot, survey), one in layers.items() if one is None]
        if empty:
            raise Refusal(CLAUSE, f"soil_cores: {'; '.join(empty)} ?", "survey 1 + survey 2")
        common = np.stack([_known(one)[0].sum() for one in layers.values()]).min()
        for plot in own:
            first, second = (
                soil.equivalent_mass_stock(*_known(layers[plot, survey]), common, at=[f"{plot} {survey}"]) for survey in (1, 2)
            )
            found[plot] = second - first
    return found


def _known(layers: tuple[Array, Array] | None) -> tuple[Array, Array]:
    if layers is None:
        raise Refusal(CLAUSE, "soil_cores ?", "survey 1 + survey 2")
    return layers


def _layers(tables: Tables, plot: str, survey: int) -> tuple[Array, Array] | None:
    """Soil mass [t ha-1] and carbon [tC ha-1] of the layers of a plot at a survey, from the top."""
    cores = tables["soil_cores"]
    rows = np.flatnonzero((cores["plot"] == plot) & (cores["survey"] == survey))
    if not len(rows):
        return None
    rows = rows[np.argsort(cores["layer"][rows])]
    mass, area, count = cores["soil_mass_g"][rows], cores["core_area_cm2"][rows], cores["cores"][rows]
    labels = [f"{plot} {survey} {layer}" for layer in cores["layer"][rows]]
    return soil.soil_mass_of_cores(mass, area, count, at=labels), soil.soil_stock_of_cores(
        mass, cores["carbon_g_kg"][rows], area, count, at=labels
    )


def _leakage(tables: Tables, parameters: Parameters) -> Array:
    """Soil carbon lost where displaced animals overload other land [tCO2e].

    Raises
    ------
    Refusal
        Animals are displaced and the land that they go to is not described.
    """
    strata, names = tables["strata"], list(tables["strata"]["stratum"])
    displaced = leakage.displaced_stock(np.nan_to_num(strata["removed_SU"]), np.nan_to_num(strata["absorbed_SU"]), at=names)
    moving = np.asarray(getattr(displaced, "magnitude", displaced)) > 0
    rates = np.asarray(getattr(strata["outside_SU_ha"], "magnitude", strata["outside_SU_ha"]))
    undescribed = [
        name
        for name, one, rate, level in zip(names, moving, rates, strata["outside_after"], strict=True)
        if one and not (rate > 0 and level)
    ]
    if undescribed:
        raise Refusal(CLAUSE, f"{', '.join(undescribed)}: removed_SU > absorbed_SU", "outside_SU_ha, outside_before, outside_after")
    area = leakage.overloaded_area(displaced, strata["outside_SU_ha"], at=names)
    reference = parameters("soil_reference", climate=strata["climate"], soil=strata["soil"])
    before, after = (_factor(parameters, strata[f"outside_{when}"]) for when in ("before", "after"))
    loss = soil.management_soil_rate(reference, after, before, parameters("transition_years"), at=names)
    return leakage.grazing_leakage(as_row(area), loss, _years(tables, parameters), parameters("co2_per_carbon"), at=names)


def better_management(tables: Tables, parameters: Parameters) -> list[str]:
    """Strata whose management does not get better."""
    found = []
    for stratum, before, after in zip(
        tables["strata"]["stratum"], tables["strata"]["level_before"], tables["strata"]["level_after"], strict=True
    ):
        if float(parameters(f"management_{after}")[0, 0]) <= float(parameters(f"management_{before}")[0, 0]):
            found.append(f"{stratum}: {before} -> {after}")
    return found


def mineral_soil(tables: Tables, parameters: Parameters) -> list[str]:
    """Strata on organic or wetland soil, for which equation 2.25 does not hold."""
    return [
        f"{stratum}: {one}"
        for stratum, one in zip(tables["strata"]["stratum"], tables["strata"]["soil"], strict=True)
        if one in ("organic", "wetland")
    ]


def period_in_crediting(tables: Tables, parameters: Parameters) -> list[str]:
    """A period outside the crediting period."""
    period, project = tables["period"], tables["project"]
    return [
        f"{start}..{end} / {begin}..{stop}"
        for start, end in zip(period["start"], period["end"], strict=True)
        for begin, stop in zip(project["crediting_start"], project["crediting_end"], strict=True)
        if calendar_time(start) < calendar_time(begin) or calendar_time(end) > calendar_time(stop)
    ]


def one_sided(terms: Mapping[str, Array], parameters: Parameters, tables: Tables) -> Mapping[str, Array]:
    """Soil and its baseline less the one-sided share of the error of the net of both; the central rate holds for all draws."""
    net = total(terms["dC_SOC"][:1] - terms["dC_BSL"][:1])
    error = np.sqrt(total(terms["se_dC_SOC"][:1] ** 2))
    freedom = np.minimum(total(terms["df_dC_SOC"][:1]), LARGE)
    t_value = plots.t_quantile(parameters("one_sided_probability")[:1], freedom)
    rate = deductions.one_sided_rate(net, error, t_value, at=["dC_SOC - dC_BSL"])
    return {
        "dC_SOC": deductions.less_share_of_value(terms["dC_SOC"], net, rate),
        "dC_BSL": deductions.less_share_of_value(terms["dC_BSL"], net, rate),
    }


_W11: Rows = {
    "stratum": ["A", "B"],
    "area_ha": [10000.0, 20000.0],
    "practice_start": ["2020-12-31", "2022-12-31"],
    "route": ["default"] * 2,
    "climate": ["cool_temperate_dry"] * 2,
    "soil": ["HAC"] * 2,
    "level_before": ["high_intensity"] * 2,
    "level_after": ["nominal"] * 2,
}
_YEAR: Rows = {"start": ["2022-12-31"], "end": ["2023-12-31"], "years": [1.0], "year_from": [2022.0], "year_to": [2023.0]}

METHODOLOGY = Methodology(
    id="grassland_protection",
    title="草原保护碳汇（地区草案）",
    title_en="Grassland protection (regional draft)",
    status="regional_draft",
    source="Draft of this product after METHODOLOGIES 2.9, AR-CM-004-V01, VM0026 and VM0042 v2.2; no published methodology for the region was found",
    ecosystem="grassland",
    conditions=(
        Condition(
            id="improvement", test=better_management, tag="X", clause="管理水平优于项目前", clause_en="the management is better than before"
        ),
        Condition(
            id="mineral",
            test=mineral_soil,
            tag="F:4",
            clause="矿质土壤，不含湿地与有机土",
            clause_en="mineral soil; no wetland or organic soil",
        ),
        Condition(
            id="plan",
            stated=True,
            tag="K:0.7",
            clause="有可持续放牧计划（禁牧、休牧或草畜平衡）",
            clause_en="a plan for sustainable grazing: ban, rest or balance",
        ),
        Condition(id="conversion", stated=True, tag="K:0.7", clause="不改变草地用途", clause_en="no conversion of the grassland"),
        Condition(
            id="tenure", stated=True, tag="X", clause="草原承包或使用权属清晰", clause_en="clear tenure or contract of the grassland"
        ),
        Condition(id="stocking", stated=True, tag="X", clause="项目内外载畜量有记录", clause_en="stocking inside and outside is recorded"),
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
        Pool(
            name="aboveground_biomass",
            baseline=False,
            project=False,
            reason="草本逐年周转，年际变化是天气",
            reason_en="herbs turn over each year; their change is weather",
        ),
        Pool(name="belowground_biomass", baseline=False, project=False, reason="同上", reason_en="the same"),
        Pool(name="litter", baseline=False, project=False, reason="不计", reason_en="left out"),
        Pool(name="soil_organic_carbon", baseline=True, project=True, reason="主要碳库，0—30 厘米", reason_en="main pool, 0-30 cm"),
    ),
    parameters=Path(__file__).with_suffix(".csv"),
    tables={"strata": STRATA, "plots": PLOTS, "soil_cores": CORES},
    optional=("plots", "soil_cores"),
    allows_inventory=("strata",),
    terms=(
        Term(
            name="dC_SOC", role="removal", unit="tCO2e", pool="soil_organic_carbon", title="土壤有机碳增量", title_en="gain of soil carbon"
        ),
        Term(name="se_dC_SOC", role="standard_error", of="dC_SOC", unit="tCO2e", title="土壤增量标准误", title_en="standard error, soil"),
        Term(name="df_dC_SOC", role="degrees_of_freedom", of="dC_SOC", unit="-", title="土壤自由度", title_en="degrees of freedom, soil"),
        Term(
            name="dC_BSL",
            role="baseline",
            unit="tCO2e",
            pool="soil_organic_carbon",
            title="基线（对照）土壤增量",
            title_en="baseline gain of soil by controls",
        ),
        Term(
            name="LK",
            role="leakage",
            unit="tCO2e",
            pool="soil_organic_carbon",
            title="放牧转移泄漏",
            title_en="leakage by displaced grazing",
        ),
    ),
    quantify=quantify,
    deductions=(
        Deduction(
            id="one_sided_t",
            kind="uncertainty",
            change=one_sided,
            clause="按单侧 66.67% t 分位扣减不确定性（VM0042 v2.2 式 74）",
            clause_en="less the one-sided t of 66.67 % (VM0042 v2.2 Eq 74)",
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
            title="W11 cohorts of 2020 and 2022 in the year 2023",
            source="METHODOLOGIES 6 W5 and W11",
            inputs={"strata": _W11, "period": _YEAR},
            expected={"gross:dC_SOC": [7883.3333333, 15766.6666667]},
        ),
        Example(
            title="regional sum: two grades and land without change",
            source="METHODOLOGIES 6 W11: 23 650 + 8 800 + 0",
            inputs={
                "strata": {
                    "stratum": ["A", "B", "C"],
                    "area_ha": [30000.0, 10000.0, 5000.0],
                    "practice_start": ["2020-12-31"] * 3,
                    "route": ["default"] * 3,
                    "climate": ["cool_temperate_dry", "warm_temperate_dry", "cool_temperate_dry"],
                    "soil": ["HAC"] * 3,
                    "level_before": ["high_intensity", "severely_degraded", "nominal"],
                    "level_after": ["nominal", "high_intensity", "nominal"],
                },
                "period": _YEAR,
            },
            expected={"gross:dC_SOC": [23650.0, 8800.0, 0.0]},
            broken=("improvement",),
        ),
        Example(
            title="displaced stock: 300 sheep units on 1.5 per hectare overload 200 ha",
            source="METHODOLOGIES 2.9: 200 * 43 * (1.00 - 0.90) / 20 * 44/12",
            inputs={
                "strata": {
                    **{name: values[:1] for name, values in _W11.items()},
                    "removed_SU": [900.0],
                    "absorbed_SU": [600.0],
                    "outside_SU_ha": [1.5],
                    "outside_before": ["nominal"],
                    "outside_after": ["high_intensity"],
                },
                "period": _YEAR,
            },
            expected={"LK": 200 * 43 * 0.1 / 20 * 44 / 12},
        ),
        Example(
            title="cores at equal soil mass, project against controls",
            source="by hand: 1 tC/ha more at each project plot, 0.25 at each control, no spread",
            inputs={
                "strata": {**{name: values[:1] for name, values in _W11.items()}, "area_ha": [100.0], "route": ["measured"]},
                "plots": {
                    "plot": [f"{group}{number}" for group in "PC" for number in (1, 2, 3)],
                    "stratum": ["A"] * 6,
                    "group": ["project"] * 3 + ["control"] * 3,
                },
                "soil_cores": {
                    "plot": [f"{group}{number}" for group in "PC" for number in (1, 2, 3)] * 2,
                    "survey": [1] * 6 + [2] * 6,
                    "layer": [1] * 12,
                    "soil_mass_g": [400.0] * 12,
                    "carbon_g_kg": [10.0] * 6 + [10.25] * 3 + [10.0625] * 3,
                    "core_area_cm2": [10.0] * 12,
                    "cores": [1.0] * 12,
                },
                "period": _YEAR,
            },
            expected={"dC_SOC": 100 * 44 / 12, "dC_BSL": 100 * 0.25 * 44 / 12, "net": 75 * 44 / 12, "creditable": 75 * 44 / 12 * 0.9},
        ),
    ),
    note="没有检索到已发布的本地区草原保护方法学；本模块是草案，不得用于减排量登记。",
    note_en="No published methodology for grassland protection of the region was found; this module is a draft and nothing of it may be registered.",
)
