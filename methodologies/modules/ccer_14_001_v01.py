"""CCER-14-001-V01 Afforestation (造林碳汇), 24 October 2023.

Only the first of the 73 pages could be read; equations and tables follow its
predecessor AR-CM-001-V01 and the CDM tools, as METHODOLOGIES 1 states with a tag for
each. What is not confirmed (V-01 to V-07) is a parameter with ``verified = false``.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aoi.table import Table
from methodologies.contract import Array, Condition, Deduction, Example, Methodology, Parameters, Pool, Refusal, Rows, Tables, Term
from methodologies.tables import DATE, PLOTS, SHRUBS, STATED_AREA, STRATUM, TREES, VOLUMES, decimal, flag, text_column
from methodologies.tools import fire, shrubs, soil, trees, woody
from methodologies.tools.arrays import as_row
from methodologies.tools.dates import calendar_time, from_number, parse, years_added
from methodologies.trace import equation

CLAUSE_PLOTS = "CCER-14-001-V01 9; METHODOLOGIES 1.8"

STRATA = Table(
    name="strata",
    title_zh="碳层",
    title_en="Strata",
    row_per="stratum",
    columns=(
        STRATUM,
        STATED_AREA,
        text_column("species", "树种", "Species", needed=True, description="main species; Chinese or Latin name, or key"),
        text_column("planting_date", "造林日期", "Planted on", pattern=DATE, needed=True),
        decimal(
            "cover_1",
            "期初灌木盖度",
            "Shrub crown cover at the start",
            "-",
            minimum=0,
            maximum=1,
            optional=True,
            description="only where shrubs are counted by crown cover and not at plots",
        ),
        decimal("cover_2", "期末灌木盖度", "Shrub crown cover at the end", "-", minimum=0, maximum=1, optional=True),
        decimal("removed_cover", "清除灌木盖度", "Crown cover of shrubs removed for planting", "-", minimum=0, maximum=1, optional=True),
        decimal("baseline_tree_cover", "基线树木盖度", "Crown cover of trees before the project", "-", minimum=0, maximum=1, optional=True),
        decimal("expected_mean", "预期平均生物量", "Expected mean biomass, for the sample size", "t d.m. ha-1", minimum=0, optional=True),
        decimal("expected_sd", "预期标准差", "Expected standard deviation, for the sample size", "t d.m. ha-1", minimum=0, optional=True),
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
        flag("key_function_zone", "国家重点生态功能区", "National key ecological function zone", optional=True),
        flag("public_benefit", "生态公益林", "Public-benefit afforestation", optional=True),
        decimal("years_not_forest", "开工前非林地年数", "Years without forest before the start", "yr", needed=True, minimum=0, maximum=200),
        decimal("wetland_ha", "湿地面积", "Wetland inside the boundary", "ha", needed=True, minimum=0),
        decimal(
            "shrubs_removed", "清除灌木占地比例", "Share of the ground whose shrubs were removed", "-", needed=True, minimum=0, maximum=1
        ),
    ),
)


def quantify(tables: Tables, parameters: Parameters, draw_axis: int) -> Mapping[str, Array]:
    """Change of trees, shrubs and soil, gases of fire, and the baseline, per stratum over the period."""
    found = dict(woody.change_of_plants(tables, parameters, CLAUSE_PLOTS))
    found["dC_SHRUB_COVER"] = _shrubs_by_cover(tables, parameters)
    soil_gain = _soil(tables, parameters)
    if soil_gain is not None:
        found["dC_SOC"] = soil_gain
    found["GHG_FIRE"] = fire.gases_of_strata(tables, parameters)
    found["dC_BSL"] = _baseline(tables, parameters)
    found["LK"] = 0.0 * found["dC_BSL"]
    return found


def _cover_stock(tables: Tables, parameters: Parameters, column: str) -> Array:
    """Shrubs by crown cover [tCO2e] (equation 1.4)."""
    cover = np.nan_to_num(tables["strata"][column])
    if not bool((cover > 0.0 * cover).any()):
        return parameters("no_density") * as_row(tables["strata"]["area_ha"])
    names = list(tables["strata"]["stratum"])
    biomass = shrubs.biomass_of_cover(
        as_row(cover), parameters("shrub_biomass_ratio"), parameters("forest_biomass"), parameters("least_shrub_cover"), at=names
    )
    return shrubs.stock_of_shrubs(
        as_row(tables["strata"]["area_ha"]),
        biomass,
        parameters("shrub_root_shoot_ratio"),
        parameters("shrub_carbon_fraction"),
        parameters("co2_per_carbon"),
        at=names,
    )


def _shrubs_by_cover(tables: Tables, parameters: Parameters) -> Array:
    measured = sorted(set(tables["strata"]["stratum"][np.nan_to_num(_bare(tables["strata"]["cover_2"])) > 0]) & _strata_with_shrubs(tables))
    if measured:
        raise Refusal("METHODOLOGIES 1.7 (1.4, 1.5)", f"cover_2 + shrubs: {', '.join(measured)}", "cover | shrubs")
    return _cover_stock(tables, parameters, "cover_2") - _cover_stock(tables, parameters, "cover_1")


def _bare(values: Array) -> Array:
    return getattr(values, "magnitude", values)


def _strata_with_shrubs(tables: Tables) -> set[str]:
    measured = set(tables["shrubs"]["plot"])
    return {stratum for plot, stratum in zip(tables["plots"]["plot"], tables["plots"]["stratum"], strict=True) if plot in measured}


def _soil(tables: Tables, parameters: Parameters) -> Array | None:
    """Soil by a default rate, only where the user gave one (V-01): years of the period within twenty years of planting."""
    rate = parameters.optional("soil_rate")
    if rate is None:
        return None
    if bool((rate > parameters("most_soil_rate"))[0, 0]):
        raise Refusal(
            "METHODOLOGIES 1.3 (AR-TOOL16)", f"{float(_bare(rate)[0, 0]):g}", f"<= {float(_bare(parameters('most_soil_rate'))[0, 0]):g}"
        )
    period = tables["period"]
    start = np.array([calendar_time(one) for one in tables["strata"]["planting_date"]]) * _year(period)
    years = soil.years_in_transition(start, period["year_from"], period["year_to"], parameters("soil_years"))
    return soil_by_rate(as_row(tables["strata"]["area_ha"]), rate, years, at=list(tables["strata"]["stratum"]))


@equation("dC_SOC", "tCO2e", "dC_SOC = A_i * dSOC_i * years with 0 < t - t_plant <= 20", "METHODOLOGIES 1.7 (1.7)")
def soil_by_rate(area: Array, rate: Array, years: Array) -> Array:
    """Soil gain [tCO2e] by a default rate [tCO2e ha-1 yr-1]."""
    return area * rate * years


def _year(period: Mapping[str, Array]) -> Array:
    """One year in the unit of the period."""
    return period["years"] / _bare(period["years"])


def _baseline(tables: Tables, parameters: Parameters) -> Array:
    """Shrubs removed for planting, once, in the period of planting; growth of trees by crown cover where their cover is stated."""
    strata, period = tables["strata"], tables["period"]
    removed = _cover_stock(tables, parameters, "removed_cover")
    planted_now = np.array([parse(one) >= parse(period["start"][0]) for one in strata["planting_date"]], dtype=np.float64)
    found = removed * as_row(planted_now)
    cover = np.nan_to_num(strata["baseline_tree_cover"])
    if not bool((cover > 0.0 * cover).any()):
        return found
    limit = parameters("baseline_cover_limit")
    mean = (cover * strata["area_ha"]).sum() / strata["area_ha"].sum()
    if bool((mean >= limit)[0, 0]):
        raise Refusal("AR-TOOL14 Eq 9-10", f"CC = {float(mean):.2%}", f"< {float(limit[0, 0]):.0%}")
    growth = parameters("baseline_forest_growth") * period["years"]
    return found + trees.stock_of_cover(
        as_row(strata["area_ha"]),
        as_row(cover),
        growth,
        parameters("baseline_tree_ratio"),
        parameters("baseline_carbon_fraction"),
        parameters("co2_per_carbon"),
        at=list(strata["stratum"]),
    )


# -- conditions ----------------------------------------------------------------------------------------------


def not_forest(tables: Tables, parameters: Parameters) -> list[str]:
    """Years without forest before the start."""
    years, least = tables["site"]["years_not_forest"], parameters("years_not_forest")[0]
    return [f"{one:g} < {least[0]:g} a" for one in years if one < least[0]]


def contiguous_area(tables: Tables, parameters: Parameters) -> list[str]:
    """Parcels whose contiguous parts are too small."""
    project, parcels = tables["project"], tables["parcels"]
    older = len(project["start"]) > 0 and parse(project["start"][0]) <= from_number(parameters("last_start_of_older_area"))
    least = float(parameters("least_parcel_area_until_2019" if older else "least_parcel_area")[0, 0])
    return [
        f"{parcel}: {area:.1f} m2 < {least:g} m2"
        for parcel, area in zip(parcels["parcel"], parcels["smallest_part_m2"], strict=True)
        if area < least
    ]


def no_wetland(tables: Tables, parameters: Parameters) -> list[str]:
    """Wetland inside the boundary."""
    return [f"{one:g} ha" for one in tables["site"]["wetland_ha"] if one > 0]


def few_shrubs_removed(tables: Tables, parameters: Parameters) -> list[str]:
    """More ground cleared of shrubs than is allowed."""
    most = float(parameters("most_shrubs_removed")[0, 0])
    return [f"{one:.0%} > {most:.0%}" for one in tables["site"]["shrubs_removed"] if one > most]


def no_bamboo(tables: Tables, parameters: Parameters) -> list[str]:
    """Strata or plants of bamboo: its equations are not shipped."""
    named = {(table, one) for table in ("strata", "trees", "volumes", "shrubs") for one in tables[table]["species"] if one == "bamboo"}
    return [f"{table}: {one}" for table, one in sorted(named)]


def additional(tables: Tables, parameters: Parameters) -> list[str]:
    """No reason for an exemption from the demonstration of additionality."""
    site, most = tables["site"], float(parameters("dry_precipitation")[0, 0])
    return [
        f"{rain:g} mm > {most:g} mm"
        for rain, zone, public in zip(site["precipitation_mm"], site["key_function_zone"], site["public_benefit"], strict=True)
        if rain > most and not zone and not public
    ]


def start_in_time(tables: Tables, parameters: Parameters) -> list[str]:
    """A project that started too early."""
    first = from_number(parameters("earliest_start"))
    return [f"{one} < {first}" for one in tables["project"]["start"] if parse(one) < first]


def length_of_crediting(tables: Tables, parameters: Parameters) -> list[str]:
    """A crediting period that is too short or too long."""
    least, most = (float(parameters(name)[0, 0]) for name in ("least_crediting_years", "most_crediting_years"))
    return [f"{one:g} a" for one in tables["project"]["crediting_years"] if not least <= one <= most]


def period_in_crediting(tables: Tables, parameters: Parameters) -> list[str]:
    """A period that leaves the crediting period, lies before the first date, or is too old for the application."""
    found = []
    first = from_number(parameters("earliest_removal"))
    years = round(float(parameters("years_before_application")[0, 0]))
    for start, end in zip(tables["period"]["start"], tables["period"]["end"], strict=True):
        for begin, stop, asked in zip(
            tables["project"]["crediting_start"], tables["project"]["crediting_end"], tables["project"]["application"], strict=True
        ):
            if parse(start) < parse(begin) or parse(end) > parse(stop):
                found.append(f"{start}..{end} / {begin}..{stop}")
            if asked and parse(start) < years_added(parse(asked), -years):
                found.append(f"{start} < {asked} - {years} a")
        if parse(start) < first:
            found.append(f"{start} < {first}")
    return found


def planted_in_project(tables: Tables, parameters: Parameters) -> list[str]:
    """Strata that were planted before the project started, or after the period."""
    found = []
    for stratum, planted in zip(tables["strata"]["stratum"], tables["strata"]["planting_date"], strict=True):
        early = [one for one in tables["project"]["start"] if parse(planted) < parse(one)]
        late = [one for one in tables["period"]["end"] if parse(planted) > parse(one)]
        found += [f"{stratum}: {planted} < {one}" for one in early] + [f"{stratum}: {planted} > {one}" for one in late]
    return found


CONDITIONS = (
    Condition(
        id="a",
        test=not_forest,
        stated=True,
        tag="F:1",
        clause="适用条件 (a)：项目开工前至少三年为不符合森林定义的规划造林地，不包括林下造林、补植和采伐迹地更新",
        clause_en="applicability (a): for at least three years before the start the land was planned afforestation land that was no forest; "
        "no under-planting, replanting or regeneration of felled forest",
    ),
    Condition(
        id="b",
        stated=True,
        tag="F:1",
        clause="适用条件 (b)：土地权属清晰，具有不动产权属证书、土地承包或流转合同等",
        clause_en="applicability (b): clear tenure by certificate, contract or transfer",
    ),
    Condition(
        id="c",
        test=contiguous_area,
        tag="F:1",
        clause="适用条件 (c)：单个地块连续面积不小于 400 平方米；2019 年（含）以前开工的不小于 667 平方米",
        clause_en="applicability (c): each parcel's contiguous area at least 400 m2; 667 m2 for starts in or before 2019",
    ),
    Condition(
        id="d", test=no_wetland, tag="F:1", clause="适用条件 (d)：项目土地不属于湿地", clause_en="applicability (d): the land is no wetland"
    ),
    Condition(
        id="e",
        test=few_shrubs_removed,
        stated=True,
        tag="F:1",
        clause="适用条件 (e)：不移除原有散生乔木和竹子，移除灌木和胸径小于 2 厘米的竹子的面积不超过边界内地表面积的 20%",
        clause_en="applicability (e): no scattered trees or bamboo removed; shrubs and thin bamboo on at most 20 % of the ground",
    ),
    Condition(
        id="f",
        stated=True,
        tag="K:0.85",
        clause="适用条件 (f)：除首次整地和栽植外，计入期内不扰动土壤",
        clause_en="applicability (f): no soil disturbance in the crediting period apart from site preparation and planting",
    ),
    Condition(
        id="g",
        stated=True,
        tag="K:0.75",
        clause="适用条件 (g)：除必要的病虫害木处理外不进行人为火烧",
        clause_en="applicability (g): no burning except of pest-infested wood",
    ),
    Condition(
        id="h",
        stated=True,
        tag="K:0.8",
        clause="适用条件 (h)：不引起项目前农牧业活动的转移，泄漏为零",
        clause_en="applicability (h): no displacement of cropping or grazing; leakage is zero",
    ),
    Condition(
        id="i",
        stated=True,
        tag="K:0.8",
        clause="适用条件 (i)：符合法律法规、政策和 GB/T 15776",
        clause_en="applicability (i): law, policy and GB/T 15776 are kept",
    ),
    Condition(
        id="species",
        test=no_bamboo,
        tag="X",
        clause="适用范围：乔木林、竹林和国家特别规定的灌木林；本模块未收录竹林方程，不受理竹林",
        clause_en="scope: arbor forest, bamboo and nationally designated shrubland; the equations of bamboo are not shipped, so bamboo is refused here",
    ),
    Condition(
        id="additionality",
        test=additional,
        tag="K:0.8",
        clause="额外性免论证：年均降水量不大于 400 毫米地区、国家重点生态功能区或生态公益林造林；否则应另行论证",
        clause_en="additionality is exempt at precipitation up to 400 mm, in national key ecological function zones, or for public-benefit forest; "
        "else it has to be demonstrated",
    ),
    Condition(
        id="start",
        test=start_in_time,
        tag="K:0.9",
        clause="项目开工日期不早于 2012 年 11 月 8 日",
        clause_en="the project started on or after 8 November 2012",
    ),
    Condition(
        id="crediting",
        test=length_of_crediting,
        tag="K:0.9",
        clause="计入期 20 至 40 年",
        clause_en="the crediting period is 20 to 40 years",
    ),
    Condition(
        id="period",
        test=period_in_crediting,
        tag="K:0.85",
        clause="减排量产生于计入期内、2020 年 9 月 22 日之后，且在申请登记之日前五年以内",
        clause_en="removals fall into the crediting period, after 22 September 2020, and within five years before the application",
    ),
    Condition(
        id="planting",
        test=planted_in_project,
        tag="X",
        clause="造林日期不早于开工日期且不晚于核算期末",
        clause_en="planting is not before the start and not after the period",
    ),
    Condition(
        id="uniqueness",
        stated=True,
        tag="K:0.85",
        clause="项目未参与其他温室气体交易机制，不存在重复计算",
        clause_en="the project takes part in no other mechanism; nothing is counted twice",
    ),
)

POOLS = (
    Pool(name="aboveground_biomass", baseline=True, project=True, reason="主要碳库", reason_en="main pool"),
    Pool(name="belowground_biomass", baseline=True, project=True, reason="主要碳库", reason_en="main pool"),
    Pool(name="dead_wood", baseline=False, project=False, reason="保守不计", reason_en="left out; conservative"),
    Pool(name="litter", baseline=False, project=False, reason="保守不计", reason_en="left out; conservative"),
    Pool(
        name="soil_organic_carbon",
        baseline=False,
        project=False,
        reason="是否计入及其速率未能确认（V-01），缺省不计；用户提供速率时计入",
        reason_en="not confirmed whether it counts, nor its rate (V-01): left out unless the user gives the rate",
    ),
    Pool(name="harvested_wood", baseline=False, project=False, reason="不计", reason_en="left out"),
)

TERMS = (
    *woody.CHANGE_TERMS,
    Term(
        name="dC_SHRUB_COVER",
        role="removal",
        unit="tCO2e",
        pool="living_biomass",
        title="灌木碳储量变化量（盖度法）",
        title_en="change of carbon in shrubs, by crown cover",
    ),
    Term(
        name="dC_SOC",
        role="removal",
        unit="tCO2e",
        pool="soil_organic_carbon",
        title="土壤有机碳储量变化量",
        title_en="change of soil carbon",
        optional=True,
    ),
    Term(name="GHG_FIRE", role="emission", unit="tCO2e", pool="non_co2", title="火灾非二氧化碳排放", title_en="non-CO2 gases of fire"),
    Term(name="dC_BSL", role="baseline", unit="tCO2e", pool="living_biomass", title="基线碳汇量", title_en="baseline removal"),
    Term(name="LK", role="leakage", unit="tCO2e", pool="living_biomass", title="泄漏", title_en="leakage"),
)

DEDUCTIONS = (
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
        change=woody.precision_deduction,
        clause="90% 置信度下相对误差不超过 10% 不扣减，10%—20% 扣减 6%，20%—30% 扣减 11%，超过 30% 应增加样地（V-03）",
        clause_en="at 90 % confidence: no deduction up to 10 %, 6 % up to 20 %, 11 % up to 30 %, more plots above (V-03)",
    ),
    Deduction(
        id="risk",
        kind="risk",
        on="net",
        change=woody.deduct_risk,
        clause="非持久性风险扣减 10%（V-02）",
        clause_en="10 % for the risk of reversal (V-02)",
    ),
)

_LARCH: Rows = {"stratum": ["S1"], "area_ha": [350.0], "species": ["larch"], "planting_date": ["2021-05-01"]}
_PLOTS: Rows = {"plot": ["P1", "P2", "P3"], "stratum": ["S1"] * 3, "plot_area_m2": [600.0] * 3}
_VOLUMES: Rows = {
    "plot": ["P1", "P2", "P3"] * 2,
    "survey": [1, 1, 1, 2, 2, 2],
    "species": ["larch"] * 6,
    "volume_m3_ha": [85.0, 85.0, 85.0, 97.0, 97.0, 97.0],
}
_PERIOD: Rows = {"start": ["2021-04-30"], "end": ["2026-04-30"], "years": [5.0], "year_from": [2021.326], "year_to": [2026.326]}
_SITE: Rows = {
    "climate": ["cool_temperate_dry"],
    "precipitation_mm": [350.0],
    "years_not_forest": [5.0],
    "wetland_ha": [0.0],
    "shrubs_removed": [0.05],
}

EXAMPLES = (
    Example(
        title="W7 larch by volume and BEF",
        source="METHODOLOGIES 6 W7 (synthetic)",
        inputs={"strata": _LARCH, "plots": _PLOTS, "volumes": _VOLUMES, "period": _PERIOD, "site": _SITE},
        expected={"dC_TREE": 6747.150497, "net": 6747.150497, "creditable": 6747.150497 * 0.9, "issued": 6072},
    ),
    Example(
        title="W1 shrubs by crown cover",
        source="METHODOLOGIES 6 W1 (synthetic)",
        inputs={
            "strata": {
                "stratum": ["A", "B", "C"],
                "area_ha": [700.0, 400.0, 100.0],
                "species": ["hippophae"] * 3,
                "planting_date": ["2021-05-01"] * 3,
                "cover_2": [0.45, 0.25, 0.04],
            },
            "period": _PERIOD,
            "site": _SITE,
        },
        expected={"net": 6107.665667},
    ),
    Example(
        title="W2 Caragana korshinskii, one plant that stands for 150 on 600 m2",
        source="METHODOLOGIES 6 W2 (synthetic plant)",
        inputs={
            "strata": {"stratum": ["S1"], "area_ha": [1.0], "species": ["caragana_korshinskii"], "planting_date": ["2021-05-01"]},
            "plots": _PLOTS,
            "shrubs": {
                "plot": ["P1", "P2", "P3"],
                "survey": [2, 2, 2],
                "shrub": ["1", "1", "1"],
                "species": ["caragana_korshinskii"] * 3,
                "height_m": [1.0] * 3,
                "crown_1_m": [0.9] * 3,
                "crown_2_m": [0.8] * 3,
                "stands_for": [150] * 3,
            },
            "period": _PERIOD,
            "site": _SITE,
        },
        expected={"dC_SHRUB": 2.521900, "gap_of_fit": 0.0939027},
        rel_tol=1e-5,
    ),
    Example(
        title="W6 fire of trees",
        source="METHODOLOGIES 6 W6 (AR-TOOL08)",
        inputs={
            "strata": {"stratum": ["S1"], "area_ha": [1000.0], "species": ["larch"], "planting_date": ["2021-05-01"]},
            "fires": {"stratum": ["S1"], "year": [2023], "burnt_ha": [500.0], "biomass_t_ha": [60.0]},
            "period": _PERIOD,
            "site": {**_SITE, "climate": ["boreal"]},
        },
        expected={"GHG_FIRE": 2406.0, "net": -2406.0, "creditable": -2406.0, "issued": 0},
    ),
    Example(
        title="single trees by equation",
        source="METHODOLOGIES 4.2, test values at D = 15, H = 12: white birch 68.33 kg above, 12.82 kg roots",
        inputs={
            "strata": {"stratum": ["S1"], "area_ha": [1.0], "species": ["white_birch"], "planting_date": ["2021-05-01"]},
            "plots": _PLOTS,
            "trees": {
                "plot": ["P1", "P2", "P3"],
                "survey": [2] * 3,
                "tree": ["1"] * 3,
                "species": ["white_birch"] * 3,
                "dbh_cm": [15.0] * 3,
                "height_m": [12.0] * 3,
            },
            "period": _PERIOD,
            "site": _SITE,
        },
        expected={"dC_TREE": (68.33 + 12.82) / 1000 / 0.06 * 0.491 * 44 / 12},
        rel_tol=1e-4,
    ),
    Example(
        title="bamboo and two conditions broken",
        source="METHODOLOGIES 1.1",
        inputs={
            "strata": {**_LARCH, "species": ["bamboo"]},
            "plots": _PLOTS,
            "volumes": _VOLUMES,
            "period": {**_PERIOD, "start": ["2019-04-30"]},
            "site": {**_SITE, "wetland_ha": [1.5]},
        },
        expected={"dC_TREE": 6747.150497},
        broken=("d", "period", "species"),
    ),
)

METHODOLOGY = Methodology(
    id="ccer_14_001_v01",
    title="造林碳汇 CCER-14-001-V01",
    title_en="Afforestation, CCER-14-001-V01",
    status="official",
    source="CCER-14-001-V01 造林碳汇, Ministry of Ecology and Environment, 24 October 2023",
    ecosystem="forest",
    conditions=CONDITIONS,
    pools=POOLS,
    parameters=Path(__file__).with_suffix(".csv"),
    tables={
        "strata": STRATA,
        "site": SITE,
        "plots": PLOTS,
        "trees": TREES,
        "volumes": VOLUMES,
        "shrubs": SHRUBS,
        "fires": fire.FIRES,
    },
    optional=("plots", "trees", "volumes", "shrubs", "fires"),
    terms=TERMS,
    quantify=quantify,
    deductions=DEDUCTIONS,
    examples=EXAMPLES,
    codes=("N0101", "造林碳汇"),
    note="仅能读到全文 73 页中的第 1 页，公式与表依据前身 AR-CM-001-V01 与 CDM 工具重建；未确认项见参数表 V-01 至 V-07。",
    note_en="Only the first of 73 pages could be read; equations and tables are rebuilt from AR-CM-001-V01 and the CDM tools; "
    "what is not confirmed stands in the parameters as V-01 to V-07.",
)
