"""Every table that the inventory writes or reads, declared once.

Columns end in their unit; ``removal_*`` is positive when carbon leaves the
atmosphere; stocks are t C.
"""

from aoi.table import DICTIONARY, Column, Table

ECOSYSTEMS = ("forest", "grassland", "wetland", "other")
LAND_CLASSES = (
    "arbor_forest", "shrubland", "other_forest_land",
    "meadow_steppe", "typical_steppe", "desert_steppe", "other_grassland",
    "marsh", "peatland", "forest_swamp", "shrub_swamp", "marsh_meadow", "inland_flat",
    "cropland", "built_up", "bare_land", "water", "other_land", "unknown",
)  # fmt: skip
POOLS = ("aboveground_biomass", "belowground_biomass", "dead_wood", "litter", "soil_organic_carbon")
APPROACHES = ("stock_difference", "gain_loss", "rate", "lookup_difference", "nep_check")
TOTAL_APPROACHES = (*APPROACHES, "by_ecosystem")
"""Of totals: by_ecosystem is the sum of ecosystems, each by the approach that the policy names for it."""
COMPONENTS = (
    "net_change", "increment", "harvest", "fuelwood", "disturbance", "conversion", "soil", "fire_non_co2", "accumulation",
)  # fmt: skip
VALUE_FLAGS = ("V", "NE", "NO", "IE", "NA")
STRATUM_NAMES = ("climate", "soil", "vegetation_type", "origin", "species_group", "site", "age_class", "cohort_year", "cohort_from", "peat")
QUANTITIES = ("stock_tC", "removal_tCO2e_per_year", "removal_offset_tCO2e_per_year")

_CODE = r"[0-9A-Za-z_.\-]{1,64}"


def _text(name: str, title_zh: str, title_en: str, **more: object) -> Column:
    return Column(name=name, type="text", title_zh=title_zh, title_en=title_en, **more)  # type: ignore[arg-type]


def _integer(name: str, title_zh: str, title_en: str, **more: object) -> Column:
    return Column(name=name, type="integer", title_zh=title_zh, title_en=title_en, **more)  # type: ignore[arg-type]


def _decimal(name: str, title_zh: str, title_en: str, unit: str, **more: object) -> Column:
    return Column(name=name, type="decimal", title_zh=title_zh, title_en=title_en, unit=unit, **more)  # type: ignore[arg-type]


ZONE = _text("zone", "区域代码", "Zone code", key=True, pattern=_CODE, description="six-character GB/T 2260 code, or the user's id")
YEAR = _integer("year", "年份", "Year", key=True, minimum=1900, maximum=2200)
YEAR_FROM = _integer("year_from", "起始年份", "Year from", key=True, minimum=1900, maximum=2200)
ECOSYSTEM = _text("ecosystem", "生态系统", "Ecosystem", key=True, choices=ECOSYSTEMS)
LAND_CLASS = _text("land_class", "地类", "Land class", key=True, choices=LAND_CLASSES)
POOL = _text("pool", "碳库", "Carbon pool", key=True, choices=POOLS)
ALL_POOLS = "all_pools"
"""The pool of a removal that cannot be told by pools: net ecosystem production."""
POOL_OF_REMOVALS = _text("pool", "碳库", "Carbon pool", key=True, choices=(*POOLS, ALL_POOLS), description="all_pools: of approach nep_check only")
APPROACH = _text("approach", "核算方法", "Approach", key=True, choices=APPROACHES)
SOIL_DEPTH = _integer("soil_depth_cm", "土壤深度", "Soil depth", unit="cm", key=True, minimum=0, description="0 for pools other than soil")
LAYER = _text("layer", "图层", "Layer", key=True, pattern=r"[a-z][a-z0-9_]*", description="land_cover for areas alone")
MEMBER = _integer("member", "文件序号", "Member", key=True, minimum=0, description="which file of a date whose files are averaged")
BIN = _integer("bin", "密度分级", "Density bin", key=True, minimum=-1, description="missing is -1; else the place among the bin edges")
AREA = _decimal("area_ha", "面积", "Area", "ha", minimum=0)
MISSING = _decimal("missing_ha", "缺测面积", "Missing area", "ha", minimum=0)

FLAGS = (
    _text("value_flag", "数值标志", "Value flag", choices=VALUE_FLAGS, needed=True,
          description="V value, NE not estimated, NO not occurring, IE included elsewhere, NA not applicable"),
    _text("reason", "原因", "Reason", description="why a value is missing or left out, as a key of the text catalogue"),
    _text("interval_contains", "区间包含的误差", "Interval contains"),
    _text("interval_missing", "区间未含的误差", "Interval lacks"),
)  # fmt: skip


def interval_columns(value: str, unit: str, zh: str, en: str) -> tuple[Column, ...]:
    """Standard error and 95 % interval by error propagation and by Monte Carlo, beside a value column."""
    stem, _, tail = value.partition("_t")
    suffix = f"t{tail}"
    del stem
    return tuple(
        _decimal(f"{prefix}_{suffix}", f"{zh}{title_zh}", f"{en}, {title_en}", unit, decimals=3)
        for prefix, title_zh, title_en in (
            ("se", "标准误（误差传播）", "standard error, error propagation"),
            ("low", "95%下限（误差传播）", "low end of the 95 % interval, error propagation"),
            ("high", "95%上限（误差传播）", "high end of the 95 % interval, error propagation"),
            ("mc_se", "标准误（蒙特卡洛）", "standard error, Monte Carlo"),
            ("mc_low", "95%下限（蒙特卡洛）", "low end of the 95 % interval, Monte Carlo"),
            ("mc_high", "95%上限（蒙特卡洛）", "high end of the 95 % interval, Monte Carlo"),
        )
    )


ZONES = Table(
    name="zones", title_zh="区域", title_en="Zones", row_per="zone",
    columns=(
        ZONE,
        _text("zone_set", "区域集", "Zone set"),
        _text("parent", "上级区域", "Parent zone"),
        _text("name_zh", "中文名", "Chinese name"),
        _text("name_en", "英文名", "English name"),
        _decimal("area_ha", "网格面积", "Area on the grid", "ha", decimals=6),
        _decimal("polygon_ha", "多边形面积", "Area of the polygon in the grid's equal-area image", "ha", decimals=6),
        _decimal("geodesic_ha", "椭球面积", "Geodesic area", "ha", decimals=6),
        _decimal("outside_ha", "网格外面积", "Area outside the grid", "ha", decimals=6),
        _decimal("mixed_ha", "混合像元面积", "Area in cells that lie in the zone only in part", "ha", decimals=6),
    ),
)  # fmt: skip

ACTIVITY_YEAR = Table(
    name="activity_year", title_zh="年度活动数据", title_en="Activity by year",
    row_per="zone, year, class, stratum, layer, member, bin",
    columns=(
        ZONE, YEAR,
        _integer("class", "产品类别代码", "Class of the product", key=True, minimum=-1, description="missing is -1"),
        _integer("stratum", "分层", "Stratum", key=True, minimum=0),
        LAYER, MEMBER, BIN, AREA, MISSING,
        _decimal("sum", "面积加权和", "Sum of area times value", "ha x unit of the layer"),
        _decimal("sum_sq", "面积加权平方和", "Sum of area times squared value", "ha x unit^2"),
        _decimal("sum_se", "面积乘标准误之和", "Sum of area times standard error", "ha x unit"),
        _decimal("sum_se_sq", "面积平方乘方差之和", "Sum of squared area times variance", "ha^2 x unit^2"),
    ),
)  # fmt: skip

ACTIVITY_PAIR = Table(
    name="activity_pair", title_zh="时段活动数据", title_en="Activity by interval",
    row_per="zone, interval, classes and strata at both dates, layer, member, bin date, bin; areas valid at both dates",
    columns=(
        ZONE, YEAR_FROM,
        _integer("year_to", "终止年份", "Year to", key=True, minimum=1900, maximum=2200),
        _integer("land_from", "起始类别代码", "Class at the start", key=True, minimum=-1),
        _integer("land_to", "终止类别代码", "Class at the end", key=True, minimum=-1),
        _integer("stratum_from", "起始分层", "Stratum at the start", key=True, minimum=0),
        _integer("stratum_to", "终止分层", "Stratum at the end", key=True, minimum=0),
        _text("bin_layer", "图层", "Layer of values and bins", key=True, pattern=r"[a-z][a-z0-9_]*"),
        MEMBER,
        _text("bin_date", "分级所依时点", "Date of the bin", key=True, choices=("from", "to")),
        BIN, AREA, MISSING,
        _decimal("sum_from", "起始面积加权和", "Sum of area times value at the start", "ha x unit"),
        _decimal("sum_to", "终止面积加权和", "Sum of area times value at the end", "ha x unit"),
        _decimal("sum_from_sq", "起始平方和", "Sum of area times squared value at the start", "ha x unit^2"),
        _decimal("sum_to_sq", "终止平方和", "Sum of area times squared value at the end", "ha x unit^2"),
        _decimal("sum_cross", "交叉积和", "Sum of area times value at the start times value at the end", "ha x unit^2"),
        _decimal("sum_se_from", "起始标准误和", "Sum of area times standard error at the start", "ha x unit"),
        _decimal("sum_se_to", "终止标准误和", "Sum of area times standard error at the end", "ha x unit"),
        _decimal("sum_se_from_sq", "起始方差和", "Sum of squared area times variance at the start", "ha^2 x unit^2"),
        _decimal("sum_se_to_sq", "终止方差和", "Sum of squared area times variance at the end", "ha^2 x unit^2"),
        _decimal("sum_se_cross", "标准误交叉积和", "Sum of squared area times both standard errors", "ha^2 x unit^2"),
    ),
)  # fmt: skip

ACTIVITY_LATTICE = Table(
    name="activity_lattice", title_zh="误差格网活动数据", title_en="Map errors over the lattice",
    row_per="layer, zone, date or interval, classes at both dates, lattice cell; a date alone has the same year and class twice",
    columns=(
        _text("layer", "图层", "Layer", key=True, pattern=r"[a-z][a-z0-9_]*", description="the layer whose standard errors are summed"),
        ZONE, YEAR_FROM,
        _integer("year_to", "终止年份", "Year to", key=True, minimum=1900, maximum=2200),
        _integer("land_from", "起始类别代码", "Class at the start", key=True, minimum=-1),
        _integer("land_to", "终止类别代码", "Class at the end", key=True, minimum=-1),
        _integer("lattice_row", "格网行号", "Lattice row", key=True, minimum=0, description="counted from the upper edge of the run's grid"),
        _integer("lattice_col", "格网列号", "Lattice column", key=True, minimum=0, description="counted from the left edge of the run's grid"),
        _decimal("area_ha", "面积", "Area with a value at both dates", "ha", minimum=0),
        _decimal("missing_ha", "缺标准误面积", "Area with a value but without a standard error", "ha", minimum=0),
        _decimal("sum_se_from", "起始标准误和", "Sum of area times standard error at the start", "ha x unit"),
        _decimal("sum_se_to", "终止标准误和", "Sum of area times standard error at the end", "ha x unit"),
        _decimal("sum_se_from_sq", "起始方差和", "Sum of squared area times variance at the start", "ha^2 x unit^2"),
        _decimal("sum_se_to_sq", "终止方差和", "Sum of squared area times variance at the end", "ha^2 x unit^2"),
        _decimal("sum_se_cross", "标准误交叉积和", "Sum of squared area times both standard errors", "ha^2 x unit^2"),
    ),
)  # fmt: skip

ACTIVITY_ANNUAL = Table(
    name="activity_annual", title_zh="逐年活动数据", title_en="Activity of every year",
    row_per="layer, zone, year, date or interval of the land, classes at both dates, stratum; a date alone has the same year and class twice",
    columns=(
        LAYER, ZONE, YEAR, YEAR_FROM,
        _integer("year_to", "土地终止年份", "Year to", key=True, minimum=1900, maximum=2200,
                 description="year_from and year_to: the date of the land, at or before the year; or the interval over which the land stays"),
        _integer("land_from", "起始类别代码", "Class at the start", key=True, minimum=-1),
        _integer("land_to", "终止类别代码", "Class at the end", key=True, minimum=-1),
        _integer("stratum", "分层", "Stratum", key=True, minimum=0, description="at year_from"),
        AREA, MISSING,
        _decimal("sum", "面积加权和", "Sum of area times value", "ha x unit of the layer"),
        _decimal("sum_sq", "面积加权平方和", "Sum of area times squared value", "ha x unit^2"),
    ),
)  # fmt: skip

ACTIVITY_FIRE = Table(
    name="activity_fire", title_zh="火烧活动数据", title_en="Activity of fires",
    row_per="zone, fire year, class and stratum before the fire, layer of fuel, member, bin; land_cover for areas alone",
    columns=(
        ZONE, YEAR,
        _integer("land_year", "火前时点", "Date before the fire", needed=True, minimum=1900, maximum=2200, description="of land cover, strata and fuel"),
        _integer("class", "火前类别代码", "Class before the fire", key=True, minimum=-1),
        _integer("stratum", "火前分层", "Stratum before the fire", key=True, minimum=0),
        LAYER, MEMBER, BIN,
        _decimal("area_ha", "有观测面积", "Land whose fires are known; of land_cover only", "ha", minimum=0),
        _decimal("burned_ha", "火烧面积", "Burned area, with a value of the layer", "ha", minimum=0),
        _decimal("missing_ha", "缺测面积", "Land whose fires are not known; of a layer of fuel: burned area without a value", "ha", minimum=0),
        _decimal("sum", "火烧面积乘可燃物之和", "Sum of burned area times fuel", "ha x unit of the layer"),
        _decimal("sum_sq", "火烧面积乘可燃物平方之和", "Sum of burned area times squared fuel", "ha x unit^2"),
    ),
)  # fmt: skip

STRATA = Table(
    name="strata", title_zh="分层", title_en="Strata", row_per="stratum",
    columns=(
        _integer("stratum", "分层", "Stratum", key=True, minimum=0),
        *(_integer(name, zh, en, minimum=-1, description="code of the layer; missing is -1; empty where the run has no such layer")
          for name, zh, en in (
              ("climate", "气候", "Climate"), ("soil", "土壤", "Soil"), ("vegetation_type", "植被类型", "Vegetation type"),
              ("origin", "起源", "Origin"), ("species_group", "树种组", "Species group"), ("site", "立地", "Site"), ("age_class", "龄组", "Age class"),
              ("cohort_year", "变化年份", "Cohort year"), ("cohort_from", "变化前地类", "Land class before the change"), ("peat", "泥炭", "Peat"))),
    ),
)  # fmt: skip

LAND_USE = Table(
    name="land_use", title_zh="土地利用变化矩阵", title_en="Land-use matrix", row_per="zone, interval, classes at both dates",
    columns=(
        ZONE, YEAR_FROM,
        _integer("year_to", "终止年份", "Year to", key=True, minimum=1900, maximum=2200),
        _text("land_from", "起始地类", "Land class at the start", key=True, choices=LAND_CLASSES),
        _text("land_to", "终止地类", "Land class at the end", key=True, choices=LAND_CLASSES),
        _decimal("area_ha", "面积", "Area", "ha", minimum=0, decimals=6),
        _decimal("area_adjusted_ha", "误差校正面积", "Error-adjusted area", "ha", decimals=6),
        _decimal("se_ha", "标准误", "Standard error", "ha", decimals=6),
    ),
)  # fmt: skip

COHORTS = Table(
    name="cohorts", title_zh="土地变化年份", title_en="Land by the year of its last change",
    row_per="zone, year, land class, land class before, year of the change; only where a run has a history of land change",
    columns=(
        ZONE, YEAR, LAND_CLASS,
        _text("land_before", "变化前地类", "Land class before", key=True, choices=LAND_CLASSES, description="of land that did not change its own class"),
        _text("status", "状态", "Status", key=True, choices=("changed", "unchanged"),
              description="unchanged: no change is told since history_from, or within the twenty years of a transition"),
        _integer("since_year", "起始年份", "Since", key=True, minimum=1900, maximum=2200,
                 description="first map that shows the class; of unchanged land history_from"),
        _integer("seen_from", "此前图的年份", "Map before", minimum=1900, maximum=2200,
                 description="the change is seen between this map and since_year and starts in equal parts in each year from here to since_year - 1"),
        _integer("history_from", "历史起始年", "History from", minimum=1900, maximum=2200, description="nothing is known of changes before"),
        _decimal("area_ha", "面积", "Area", "ha", minimum=0, decimals=6),
    ),
)  # fmt: skip

CONTROL_AREAS = Table(
    name="control_areas", title_zh="控制面积", title_en="Control areas", row_per="zone, year, land class; official areas that the activity is raked to",
    columns=(
        ZONE, YEAR,
        _text("land_class", "地类", "Land class", key=True, choices=(*LAND_CLASSES, *ECOSYSTEMS[:3]),
              description="a land class, or a whole ecosystem of which no class is listed; classes that are not listed share the rest of the zone"),
        _decimal("area_ha", "面积", "Area", "ha", needed=True, minimum=0, description="1 ha = 15 mu"),
        _text("source", "来源", "Source", needed=True, description="the survey that says so"),
    ),
)  # fmt: skip
RAKING = Table(
    name="raking", title_zh="面积平差", title_en="Raking to official areas",
    row_per="zone, date (the same year and land class twice) or interval, land classes at both dates",
    columns=(
        ZONE, YEAR_FROM,
        _integer("year_to", "终止年份", "Year to", key=True, minimum=1900, maximum=2200),
        _text("land_from", "起始地类", "Land class at the start", key=True, choices=LAND_CLASSES),
        _text("land_to", "终止地类", "Land class at the end", key=True, choices=LAND_CLASSES),
        _decimal("mapped_ha", "图上面积", "Mapped area", "ha", minimum=0, decimals=6),
        _decimal("official_ha", "控制面积", "Official area", "ha", minimum=0, decimals=6, description="of dates; empty for classes that are not listed"),
        _decimal("raked_ha", "平差后面积", "Raked area", "ha", minimum=0, decimals=6),
        _decimal("factor", "系数", "Raked over mapped area", "", minimum=0),
    ),
)  # fmt: skip

EVENT_COMPONENTS = ("harvest", "fuelwood", "disturbance", "planting")
EVENT_UNITS = {"harvest": ("m3",), "fuelwood": ("m3", "t d.m."), "disturbance": ("ha",), "planting": ("ha",)}
EVENTS = Table(
    name="events", title_zh="经营与灾害统计", title_en="Events", row_per="zone, year, ecosystem, stratum, component and source of a statistic",
    columns=(
        ZONE, YEAR,
        _text("ecosystem", "生态系统", "Ecosystem", key=True, choices=ECOSYSTEMS[:3], description="forest: the equations are of trees"),
        _text("land_class", "地类", "Land class", choices=LAND_CLASSES, optional=True, description="arbor_forest where empty"),
        _text("stratum", "分层", "Stratum", key=True, pattern=r"[A-Za-z0-9_]+|-", description="a vegetation type (larch, birch, ...), or - for all"),
        _text("component", "组分", "Component", key=True, choices=EVENT_COMPONENTS,
              description="harvest and fuelwood in m3 over bark (fuelwood also in t d.m.); disturbance and planting in ha"),
        _decimal("quantity", "数量", "Quantity", "", needed=True, minimum=0, description="of the year"),
        _text("unit", "单位", "Unit", key=True, choices=("m3", "t d.m.", "ha")),
        _decimal("lost_fraction", "损失比例", "Share of biomass lost", "-", minimum=0, maximum=1, optional=True,
                 description="fd of equation 2.14; of disturbance"),
        _text("source", "来源", "Source", key=True, description="the statistic, report or survey"),
    ),
)  # fmt: skip

STOCKS = Table(
    name="stocks", title_zh="碳储量", title_en="Carbon stocks", row_per="zone, year, ecosystem, land class, pool, soil depth (leaves only)",
    columns=(
        ZONE, YEAR, ECOSYSTEM, LAND_CLASS, POOL, SOIL_DEPTH,
        _decimal("area_ha", "面积", "Area", "ha", minimum=0, decimals=6),
        _decimal("missing_ha", "缺测面积", "Area without a value, not in the stock", "ha", minimum=0, decimals=6),
        _decimal("stock_tC", "碳储量", "Carbon stock", "t C", decimals=3),
        *interval_columns("stock_tC", "t C", "碳储量", "carbon stock"),
        *FLAGS,
    ),
)  # fmt: skip

REMOVALS = Table(
    name="removals", title_zh="碳汇量", title_en="Removals", row_per="zone, interval, approach, account and what was removed (leaves only)",
    columns=(
        ZONE, YEAR, YEAR_FROM, APPROACH,
        _text("time_basis", "时间口径", "Time basis", key=True, choices=("interval_mean", "year")),
        _text("account", "账户", "Account", key=True, choices=("offset", "memo")),
        ECOSYSTEM, LAND_CLASS,
        _text("transition", "变化", "Transition", key=True, choices=("remaining", "converted")),
        POOL_OF_REMOVALS,
        _text("component", "组分", "Component", key=True, choices=COMPONENTS),
        _text("gas", "气体", "Gas", key=True, choices=("CO2", "CH4", "N2O")),
        SOIL_DEPTH,
        _decimal("removal_tCO2e_per_year", "年碳汇量", "Removal", "t CO2e per year", decimals=3,
                 description="positive when carbon leaves the atmosphere"),
        *interval_columns("removal_tCO2e_per_year", "t CO2e per year", "年碳汇量", "removal"),
        *FLAGS,
    ),
)  # fmt: skip

BALANCE = Table(
    name="balance", title_zh="碳平衡表", title_en="Carbon balance", row_per="zone, interval, approach, ecosystem, pool, soil depth",
    columns=(
        ZONE, YEAR_FROM, YEAR, APPROACH, ECOSYSTEM, POOL, SOIL_DEPTH,
        *(_decimal(name, zh, en, "t C", decimals=6) for name, zh, en in (
            ("stock_start_tC", "期初储量", "Stock at the start"), ("stock_end_tC", "期末储量", "Stock at the end"),
            ("removal_tC", "碳汇", "Removal over the interval"), ("transfer_in_tC", "转入", "Transfer in"),
            ("transfer_out_tC", "转出", "Transfer out"), ("revaluation_tC", "重估", "Revaluation"))),
    ),
)  # fmt: skip

SUMMARY = Table(
    name="summary", title_zh="汇总", title_en="Summary", row_per="zone, year, quantity, ecosystem, approach",
    columns=(
        ZONE, YEAR,
        _text("quantity", "指标", "Quantity", key=True, choices=QUANTITIES),
        _text("ecosystem", "生态系统", "Ecosystem", key=True, choices=(*ECOSYSTEMS, "total")),
        _text("approach", "核算方法", "Approach", key=True, choices=(*TOTAL_APPROACHES, "stock")),
        _integer("year_from", "起始年份", "Year from", minimum=1900, maximum=2200),
        _text("time_basis", "时间口径", "Time basis", choices=("interval_mean", "year", "date")),
        _text("unit", "单位", "Unit"),
        _decimal("value", "数值", "Value", "", decimals=3),
        *(_decimal(name, zh, en, "", decimals=3) for name, zh, en in (
            ("se", "标准误（误差传播）", "Standard error, error propagation"), ("low", "95%下限", "Low end, 95 %"), ("high", "95%上限", "High end, 95 %"),
            ("mc_se", "标准误（蒙特卡洛）", "Standard error, Monte Carlo"), ("mc_low", "蒙特卡洛95%下限", "Low end, Monte Carlo"),
            ("mc_high", "蒙特卡洛95%上限", "High end, Monte Carlo"))),
        _text("not_estimated", "未估算部分", "Not estimated", description="parts that the total leaves out because nothing supports them"),
        *FLAGS,
    ),
)  # fmt: skip

BIN_BOUNDS = Table(
    name="bin_bounds", title_zh="分级误差上界", title_en="Bounds of bin errors", row_per="zone, year, ecosystem, pool",
    columns=(
        ZONE, YEAR, ECOSYSTEM, POOL,
        _decimal("bound_tC", "误差上界", "Most that density bins can miss the pixels", "t C", minimum=0, decimals=6),
    ),
)  # fmt: skip

NEP_CHECK = Table(
    name="nep_check", title_zh="净生态系统生产力核对", title_en="Check by net ecosystem production",
    row_per="zone, year, ecosystem; a check beside the stock-based removal, never the removal",
    columns=(
        ZONE, YEAR, ECOSYSTEM,
        _decimal("area_ha", "面积", "Area with production and weather of all months", "ha", minimum=0, decimals=6),
        _decimal("missing_ha", "缺测面积", "Area without one of them", "ha", minimum=0, decimals=6),
        *(_decimal(name, zh, en, unit, decimals=3) for name, zh, en, unit in (
            ("npp_tC_per_year", "净初级生产力", "Net primary production", "t C per year"),
            ("respiration_tC_per_year", "异养呼吸", "Heterotrophic respiration", "t C per year"),
            ("nep_tCO2e_per_year", "净生态系统生产力", "Net ecosystem production", "t CO2e per year"))),
        _integer("year_from", "库差时段起点", "Start of the interval of the stock-based removal", minimum=1900, maximum=2200),
        _integer("year_to", "库差时段终点", "End of that interval", minimum=1900, maximum=2200),
        _decimal("removal_tCO2e_per_year", "库差法碳汇量", "Stock-based removal of the interval that holds the year", "t CO2e per year", decimals=3),
        _decimal("ratio", "比值", "NEP over the stock-based removal", "", decimals=3, description="empty where that removal is not above zero"),
        Column(name="apart", type="boolean", title_zh="相差过大", title_en="Too far apart", needed=True),
    ),
)  # fmt: skip

GRASS_WEATHER = Table(
    name="grass_weather", title_zh="草原变化的天气部分", title_en="Weather part of grassland change",
    row_per="zone, interval and land class of grassland that stays grassland; a memo, which moves nothing into an offset",
    columns=(
        ZONE, YEAR_FROM, YEAR, LAND_CLASS,
        _text("greenness", "绿度图层", "Layer of greenness", needed=True, choices=("greenness", "gpp")),
        _text("predictors", "天气变量", "Weather", pattern=r"precipitation( temperature)?|temperature"),
        _integer("years_n", "年数", "Number of years", minimum=0),
        _text("years", "所用年份", "Years used", pattern=r"(\d{4}( \d{4})*)?"),
        _decimal("area_ha", "面积", "Area that stays, with greenness, mean over the years", "ha", minimum=0, decimals=6),
        _decimal("missing_share", "最大缺测比例", "Largest share of area without greenness or weather in a year", "", minimum=0, maximum=1, decimals=6),
        *(_decimal(name, zh, en, unit, decimals=9) for name, zh, en, unit in (
            ("intercept", "截距", "Intercept", "unit of greenness"),
            ("slope_precipitation", "降水系数", "Slope by precipitation", "unit of greenness per mm"),
            ("se_slope_precipitation", "降水系数标准误", "Its standard error", "unit of greenness per mm"),
            ("slope_temperature", "气温系数", "Slope by temperature", "unit of greenness per degC"),
            ("se_slope_temperature", "气温系数标准误", "Its standard error", "unit of greenness per degC"),
            ("r2", "决定系数", "Share of the variance explained, R2", ""),
            ("inflation", "方差膨胀因子", "Variance inflation by the other weather variable", ""),
            ("greenness_from", "起始绿度", "Greenness at the start", "unit of greenness"),
            ("greenness_to", "终止绿度", "Greenness at the end", "unit of greenness"),
            ("change", "绿度变化", "Change of greenness", "unit of greenness"),
            ("weather", "天气部分", "Change that weather explains", "unit of greenness"),
            ("se_weather", "天气部分标准误", "Its standard error", "unit of greenness"),
            ("low_weather", "天气部分95%下限", "Its low end, 95 %", "unit of greenness"),
            ("high_weather", "天气部分95%上限", "Its high end, 95 %", "unit of greenness"),
            ("rest", "其余部分", "The rest of the change", "unit of greenness"),
            ("se_rest", "其余部分标准误", "Its standard error, with the scatter of two years", "unit of greenness"),
            ("low_rest", "其余部分95%下限", "Its low end, 95 %", "unit of greenness"),
            ("high_rest", "其余部分95%上限", "Its high end, 95 %", "unit of greenness"),
            ("weather_share", "天气占比", "Weather over the change", ""))),
        _decimal("memo_removal_tCO2e_per_year", "草本生物量变化（备查）", "Memo: change of living biomass on that land by stock difference", "t CO2e per year",
                 decimals=3),
        *FLAGS[:2],
    ),
)  # fmt: skip

FACTORS_USED = Table(
    name="factors_used", title_zh="所用系数", title_en="Factors used", row_per="factor",
    columns=(
        _text("id", "系数编号", "Factor id", key=True),
        _text("name", "系数", "Factor"),
        _decimal("value", "数值", "Value", ""),
        _text("unit", "单位", "Unit"),
        _decimal("low", "下限", "Low", ""),
        _decimal("high", "上限", "High", ""),
        _text("range_kind", "范围类型", "Kind of range"),
        _text("source", "来源", "Source"),
        _text("locator", "出处", "Locator"),
        _text("tag", "证据标签", "Evidence tag"),
        Column(name="verified", type="boolean", title_zh="已核实", title_en="Verified"),
        Column(name="overridden", type="boolean", title_zh="用户改写", title_en="Overridden by the user"),
    ),
)  # fmt: skip

DENSITIES = Table(
    name="densities", title_zh="分类碳密度表", title_en="Carbon densities by class", row_per="class of the land-cover product",
    extra_columns=True,
    columns=(
        _integer("lucode", "类别代码", "Class of the product", key=True, minimum=0),
        *(_decimal(name, zh, en, "t C ha-1", minimum=0, optional=True) for name, zh, en in (
            ("c_above", "地上碳密度", "Aboveground"), ("c_below", "地下碳密度", "Belowground"),
            ("c_soil", "土壤碳密度", "Soil"), ("c_dead", "死有机质碳密度", "Dead organic matter (dead wood and litter)"))),
    ),
)  # fmt: skip

AGE_CLASSES = Table(
    name="age_classes", title_zh="龄级界限", title_en="Limits of age classes", row_per="code of the layer age_class",
    columns=(
        _integer("code", "代码", "Code", key=True, minimum=0),
        _integer("age_from", "起始年龄", "First age", unit="yr", needed=True, minimum=0, maximum=5000),
        _integer("age_to", "下一级起始年龄", "First age of the next class", unit="yr", minimum=1, maximum=5000, description="empty where the class is open"),
        _text("name", "名称", "Name", optional=True, description="幼龄林, middle-aged and the like: only told, ages differ by species"),
    ),
)  # fmt: skip

CODE_NAMES = Table(
    name="code_names", title_zh="代码表", title_en="Names of codes", row_per="code of a layer",
    extra_columns=True,
    columns=(
        _integer("code", "代码", "Code", key=True, minimum=0),
        _text("value", "取值", "Value", needed=True, pattern=r"[A-Za-z][A-Za-z0-9_]*"),
    ),
)  # fmt: skip

INPUTS = Table(
    name="inputs", title_zh="输入文件", title_en="Inputs", row_per="file",
    columns=(
        _text("file", "文件", "File", key=True),
        _text("layer", "图层", "Layer", key=True),
        _integer("year", "年份", "Year"),
        _text("sha256", "哈希", "SHA-256"),
        _integer("bytes", "字节数", "Bytes"),
        _text("how", "对齐方式", "How it was brought to the grid"),
        _text("source", "出处", "Address and version of a file of the network", optional=True),
    ),
)  # fmt: skip

VECTOR_AREAS = Table(
    name="vector_areas", title_zh="图斑面积与蓄积核对", title_en="Areas and volumes of survey polygons", row_per="year and class code",
    columns=(
        YEAR,
        _integer("class", "类别代码", "Class code", key=True, minimum=-1, description="missing is -1"),
        _text("file", "文件", "File"),
        _text("land_class", "地类", "Land class", choices=LAND_CLASSES),
        _integer("polygons", "图斑数", "Polygons", minimum=0),
        *(_decimal(name, zh, en, "ha", minimum=0, decimals=6) for name, zh, en in (
            ("official_ha", "属性表面积", "Area by the attribute table"),
            ("image_ha", "图斑面积（网格等积像）", "Area of the outlines in the grid's equal-area image"),
            ("tabulated_ha", "活动数据面积", "Area in the activity tables"))),
        *(_decimal(name, zh, en, "m3", decimals=6) for name, zh, en in (
            ("official_m3", "属性表蓄积", "Growing stock by official areas"),
            ("image_m3", "图斑蓄积", "Growing stock by the outlines"),
            ("tabulated_m3", "活动数据蓄积", "Growing stock in the activity tables"))),
    ),
)  # fmt: skip

QUANTIFICATIONS = Table(
    name="quantifications", title_zh="项目减排量核算", title_en="Quantifications of projects",
    row_per="project, module, league, vintage, stratum, period, term, pool",
    columns=(
        _text("project", "项目", "Project", key=True, pattern=_CODE),
        _text("module", "方法学模块", "Methodology module", key=True, pattern=_CODE),
        _text("status", "方法学状态", "Status of the methodology", key=True, choices=("official", "regional_draft", "withdrawn")),
        _text("league", "盟市", "League", key=True, pattern=_CODE),
        _integer("vintage", "年份", "Vintage", key=True, minimum=1900, maximum=2200),
        _text("stratum", "碳层", "Stratum", key=True),
        _text("period", "核算期", "Period", key=True, description="start/end"),
        _text("term", "项", "Term", key=True, description="net is the sum of the terms with their signs"),
        _text("pool", "碳库", "Pool", key=True, description="a pool of the inventory, living_biomass, non_co2 or total"),
        _integer("sign", "符号", "Sign", description="how the term enters the net removal"),
        _decimal("gross_tCO2e", "扣减前", "Before any deduction", "t CO2e", decimals=4),
        _decimal("after_uncertainty_tCO2e", "不确定性扣减后", "After the deductions for uncertainty", "t CO2e", decimals=4),
        _decimal("after_other_tCO2e", "其他扣减后", "After other deductions on terms", "t CO2e", decimals=4),
        _decimal("after_risk_tCO2e", "风险扣减后", "After the risk share and other steps on the net", "t CO2e", decimals=4),
    ),
)  # fmt: skip

APPROACHES_COMPARED = Table(
    name="approaches", title_zh="核算方法对照", title_en="Approaches side by side", row_per="zone, year, ecosystem, approach",
    columns=(
        ZONE, YEAR, _text("ecosystem", "生态系统", "Ecosystem", key=True, choices=(*ECOSYSTEMS, "total")),
        _text("approach", "核算方法", "Approach", key=True, choices=TOTAL_APPROACHES,
              description="stock_difference is 库差法, rate is 固碳速率法 of DB15/T 3761-2024; gain_loss is 增减法 of the IPCC"),
        YEAR_FROM, _text("time_basis", "时间口径", "Time basis"),
        _decimal("removal_tCO2e_per_year", "碳汇量", "Removal", "t CO2e per year", decimals=3),
        _decimal("se_tCO2e_per_year", "标准误", "Standard error, error propagation", "t CO2e per year", decimals=3, minimum=0),
        _decimal("gap_tCO2e_per_year", "与库差法之差", "Removal less that by stock difference", "t CO2e per year", decimals=3),
        _decimal("ratio", "与库差法之比", "Removal over that by stock difference", "", decimals=6),
        _text("not_estimated", "未估算部分", "Not estimated"),
    ),
)  # fmt: skip

COVARIANCE = Table(
    name="covariance", title_zh="区域协方差", title_en="Covariance of zones",
    row_per="quantity, ecosystem, approach, and two zones at two times; the upper triangle with its diagonal",
    columns=(
        _text("quantity", "指标", "Quantity", key=True, choices=QUANTITIES),
        _text("ecosystem", "生态系统", "Ecosystem", key=True, choices=(*ECOSYSTEMS, "total")),
        _text("approach", "核算方法", "Approach", key=True, choices=(*TOTAL_APPROACHES, "stock")),
        ZONE, YEAR_FROM, YEAR,
        _text("zone_with", "另一区域代码", "Code of the other zone", key=True, pattern=_CODE),
        _integer("year_from_with", "另一起始年份", "Year from of the other", key=True, minimum=1900, maximum=2200),
        _integer("year_with", "另一年份", "Year of the other", key=True, minimum=1900, maximum=2200),
        _decimal("covariance", "协方差（误差传播）", "Covariance, error propagation", "squared unit of the quantity", decimals=3),
        _decimal("mc_covariance", "协方差（蒙特卡洛）", "Covariance, Monte Carlo", "squared unit of the quantity", decimals=3),
    ),
)  # fmt: skip

def _decimals(unit: str, *named: tuple[str, str, str], **more: object) -> tuple[Column, ...]:
    return tuple(_decimal(name, zh, en, unit, **more) for name, zh, en in named)


_SERIES = (
    _text("quantity", "指标", "Quantity", key=True, choices=QUANTITIES),
    _text("ecosystem", "生态系统", "Ecosystem", key=True, choices=(*ECOSYSTEMS, "total")),
    _text("approach", "核算方法", "Approach", key=True, choices=(*TOTAL_APPROACHES, "stock")),
)

TREND = Table(
    name="trend", title_zh="趋势及其不确定性", title_en="Trend and its uncertainty", row_per="zone, quantity, ecosystem, approach",
    columns=(
        ZONE, *_SERIES, YEAR_FROM, YEAR,
        *_decimals("unit of the quantity", ("value_from", "起始值", "Value at the start"), ("value_to", "终止值", "Value at the end"),
                   ("change", "变化", "Change"), ("se_change", "变化的标准误", "Standard error of the change"),
                   ("low_change", "变化的95%下限", "Low end of the change, 95 %"), ("high_change", "变化的95%上限", "High end of the change, 95 %"),
                   ("mc_se_change", "变化的标准误（蒙特卡洛）", "Standard error of the change, Monte Carlo"),
                   ("mc_low_change", "变化的95%下限（蒙特卡洛）", "Low end of the change, Monte Carlo"),
                   ("mc_high_change", "变化的95%上限（蒙特卡洛）", "High end of the change, Monte Carlo"), decimals=3),
        _decimal("change_percent", "变化率", "Change in % of the start", "%", decimals=6),
        _decimal("uncertainty_points", "趋势不确定性（百分点）", "Trend uncertainty, half-width of 95 %, percentage points", "percentage points", decimals=6),
    ),
)  # fmt: skip

KEY_CATEGORIES = Table(
    name="key_categories", title_zh="关键类别", title_en="Key categories", row_per="zone, year, quantity, approach, ecosystem, pool, transition",
    columns=(
        ZONE, YEAR,
        _text("quantity", "指标", "Quantity", key=True, choices=QUANTITIES),
        _text("approach", "核算方法", "Approach", key=True, choices=(*TOTAL_APPROACHES, "stock")),
        ECOSYSTEM, POOL,
        _text("transition", "变化", "Transition", key=True, choices=("remaining", "converted")),
        _integer("rank", "名次", "Rank", minimum=1),
        *_decimals("unit of the quantity", ("value", "数值", "Value"), ("se", "标准误", "Standard error"), decimals=3),
        *_decimals("", ("share", "份额", "Share of the level"), ("cumulative_share", "累计份额", "Cumulative share"),
                   ("share_of_uncertainty", "不确定性份额", "Share of uncertainty, approach 2"), decimals=6),
        Column(name="key", type="boolean", title_zh="关键类别", title_en="Key category"),
    ),
)  # fmt: skip

CONVERGENCE = Table(
    name="convergence", title_zh="蒙特卡洛收敛", title_en="Convergence of Monte Carlo", row_per="zone, year, quantity, ecosystem, approach; sums of zones",
    columns=(
        ZONE, YEAR, *_SERIES,
        _integer("draws", "抽样次数", "Draws", minimum=2),
        _decimal("half_width_change", "抽样加倍时区间半宽的变化", "Relative change of the half-width when the draws were doubled", "", decimals=6, minimum=0),
    ),
)  # fmt: skip

REFERENCE = Table(
    name="reference", title_zh="参考样本计数", title_en="Counted reference samples", row_per="sample, stratum, map class, reference class",
    columns=(
        _text("sample", "样本", "Sample", key=True, description="the file it came from"),
        _text("stratum", "分层", "Stratum", key=True),
        _text("map_class", "制图类别", "Class of the map", key=True),
        _text("reference_class", "参考类别", "Class of the reference", key=True),
        _decimal("count", "样本数", "Samples", "", minimum=0),
        _decimal("weight", "权重和", "Sum of weights", "", minimum=0),
        _decimal("squared_weight", "权重平方和", "Sum of squared weights", "", minimum=0),
        _decimal("area_ha", "分层面积", "Area of the stratum", "ha", minimum=0, description="empty: the mapped area of the run"),
    ),
)  # fmt: skip

ERROR_KINDS = ("factor", "area", "map", "model", "between_date")
"""What an interval can contain (ACCOUNTING 4)."""

CONTRIBUTIONS = Table(
    name="contributions", title_zh="不确定性来源", title_en="Contributions to uncertainty",
    row_per="zone, year, quantity, ecosystem, approach, source of error",
    columns=(
        ZONE, YEAR, YEAR_FROM,
        _text("quantity", "指标", "Quantity", key=True, choices=QUANTITIES),
        _text("ecosystem", "生态系统", "Ecosystem", key=True, choices=(*ECOSYSTEMS, "total")),
        _text("approach", "核算方法", "Approach", key=True, choices=(*TOTAL_APPROACHES, "stock")),
        _text("kind", "误差类型", "Kind of error", key=True, choices=ERROR_KINDS),
        _text("source", "误差来源", "Source of error", key=True, description="factor id, layer, or sample of areas"),
        _decimal("se", "标准误", "Standard error", "unit of the quantity", decimals=3, minimum=0),
        _decimal("variance_share", "方差份额", "Share of the variance", "", decimals=6, minimum=0, maximum=1),
    ),
)  # fmt: skip

MEMBERS = Table(
    name="members", title_zh="模型成员", title_en="Members of a retrieval model",
    row_per="layer, zone, date or interval, classes and strata at both dates, date of the value, member; a date alone has everything twice",
    columns=(
        _text("layer", "图层", "Layer", key=True, pattern=r"[a-z][a-z0-9_]*", description="the layer that the model predicts"),
        ZONE, YEAR_FROM,
        _integer("year_to", "终止年份", "Year to", key=True, minimum=1900, maximum=2200),
        _integer("land_from", "起始类别代码", "Class at the start", key=True, minimum=-1),
        _integer("land_to", "终止类别代码", "Class at the end", key=True, minimum=-1),
        _integer("stratum_from", "起始分层", "Stratum at the start", key=True, minimum=0),
        _integer("stratum_to", "终止分层", "Stratum at the end", key=True, minimum=0),
        _text("date", "取值时点", "Date of the value", key=True, choices=("from", "to")),
        _integer("model_member", "成员", "Member", key=True, minimum=0, description="0 is the prediction itself, 1 to K the bootstrap members"),
        _decimal("sum", "面积加权和", "Sum of area times value", "ha x unit of the layer"),
    ),
)  # fmt: skip

UNIT_STATES = ("held", "sold_out", "retired_ets", "retired_voluntary", "regional_indicator", "cancelled_for_league", "buffer_void")
"""What a unit of a project can be; exactly one of them at any date (METHODOLOGIES 5.5, R4)."""
_DATE = r"\d{4}-\d{2}-\d{2}"
_BLOCK = r"[0-9A-Za-z][0-9A-Za-z_.\-]{0,63}"
_SHARES = r"([0-9A-Za-z_.\-]{1,64}:(0\.\d{1,12}|1))(;[0-9A-Za-z_.\-]{1,64}:0\.\d{1,12})*"
_TONNES = "t CO2e"

LEDGER = Table(
    name="ledger", title_zh="减排量台账", title_en="Ledger of units", row_per="unit block and event",
    columns=(
        _integer("sequence", "序号", "Sequence", minimum=1, optional=True, description="place in the chain; given by the ledger"),
        _text("block", "减排量批次", "Unit block", key=True, pattern=_BLOCK),
        _integer("event", "事件序号", "Event", key=True, minimum=1, maximum=10_000, description="1 is the issue of the block, or its split from another"),
        _text("date", "日期", "Date", needed=True, pattern=_DATE, description="year-month-day on which the event takes effect"),
        _text("action", "事件", "Action", needed=True, choices=("issue", "state", "split", "replace"),
              description="issue a block; change its state; split a part from another block; note that its units were replaced after a loss"),
        _text("state", "状态", "State", choices=UNIT_STATES, description="state from this date on; of issue and state only"),
        _text("programme", "机制", "Programme", description="the one programme that has registered the reduction"),
        _text("project", "项目", "Project"),
        _text("module", "方法学", "Methodology", pattern=_CODE, description="id of the methodology"),
        _text("kind", "类型", "Kind", choices=("removal", "avoided_emission"), optional=True, description="empty is removal"),
        _text("owner", "持有人", "Owner", description="who holds the units from this date on"),
        _integer("vintage", "年份", "Vintage", minimum=1900, maximum=2200, description="calendar year of the removal"),
        _text("parcels", "地块", "Parcels", pattern=r"[0-9A-Za-z_.\-]{1,64}( [0-9A-Za-z_.\-]{1,64})*",
              description="parcels that the units come from, by spaces"),
        _text("serial_prefix", "编号前缀", "Serial prefix", optional=True),
        _integer("serial_first", "起始编号", "First serial number", minimum=0),
        _integer("serial_last", "终止编号", "Last serial number", minimum=0),
        _decimal("gross_tCO2e", "扣风险前减排量", "Verified removal before the risk share", _TONNES, minimum=0, decimals=3),
        _decimal("risk_share", "风险扣减比例", "Risk share", "", minimum=0, maximum=0.99),
        _integer("issued_tCO2e", "签发量", "Units issued", unit=_TONNES, minimum=1, description="whole tonnes; as many as serial numbers"),
        _text("league_shares", "盟市分摊", "Shares of the leagues", pattern=_SHARES,
              description="code:share by semicolons, shares by modelled removal, together 1"),
        _text("parent", "原批次", "Split from", pattern=_BLOCK, optional=True),
        _text("evidence", "凭证", "Evidence", needed=True, description="document that proves the event"),
        _text("previous_sha256", "前一哈希", "Hash before", optional=True, pattern=r"[0-9a-f]{64}"),
        _text("sha256", "哈希", "Hash", optional=True, pattern=r"[0-9a-f]{64}", description="SHA-256 over the hash before and the cells of the row"),
    ),
)  # fmt: skip

UNITS = Table(
    name="units", title_zh="减排量状态", title_en="Units by state", row_per="league, vintage and state, as the year's assessment reads the ledger",
    columns=(
        _text("league", "盟市", "League", key=True, pattern=_CODE),
        _integer("year", "年份", "Vintage", key=True, minimum=1900, maximum=2200),
        _text("state", "状态", "State", key=True, choices=UNIT_STATES),
        _text("read_on", "台账读取日", "Ledger read as of", pattern=_DATE),
        _decimal("issued_tCO2e", "签发量", "Units issued", _TONNES, decimals=3, minimum=0),
        _decimal("gross_tCO2e", "扣风险前减排量", "Removal before the risk share", _TONNES, decimals=3, minimum=0,
                 description="issued / (1 - risk share)"),
        Column(name="excluded", type="boolean", title_zh="不得抵扣", title_en="Excluded from the offset", needed=True),
    ),
)  # fmt: skip

EMISSIONS = Table(
    name="emissions", title_zh="盟市排放量", title_en="Emissions of the leagues", row_per="league and year",
    columns=(
        _text("league", "盟市", "League", key=True, pattern=_CODE),
        _integer("year", "年份", "Year", key=True, minimum=1900, maximum=2200),
        _decimal("emission_tCO2e", "排放量", "Emission", _TONNES, decimals=3, needed=True, minimum=0),
        _text("source", "来源", "Source", needed=True),
    ),
)  # fmt: skip

PIPELINE = Table(
    name="pipeline", title_zh="储备减排量", title_en="Pipeline of projects", row_per="project, module, league, vintage",
    columns=(
        _text("project", "项目", "Project", key=True),
        _text("module", "方法学模块", "Methodology module", key=True, pattern=_CODE),
        _text("status", "方法学状态", "Status of the methodology", choices=("official", "regional_draft", "withdrawn"), needed=True),
        _text("league", "盟市", "League", key=True, pattern=_CODE),
        _integer("vintage", "年份", "Vintage", key=True, minimum=1900, maximum=2200),
        _decimal("gross_tCO2e", "核算净移除量", "Quantified net removal before the risk share", _TONNES, decimals=3),
        _decimal("quantified_tCO2e", "核算量", "Quantified after the risk share", _TONNES, decimals=3),
        _decimal("issued_tCO2e", "已签发", "Of it issued", _TONNES, decimals=3, minimum=0),
        _decimal("pipeline_tCO2e", "储备量", "Not issued", _TONNES, decimals=3, minimum=0, description="a memo: never in the ledger or the default offset"),
    ),
)  # fmt: skip

EXCESS_REASONS = ("baseline", "pool", "not_mapped", "timing")
POLYGON_ACCOUNT = Table(
    name="polygon_account", title_zh="地块核对表", title_en="Polygon account",
    row_per="league, vintage, project and pool; the project - is the league itself, on all its land",
    columns=(
        _text("league", "盟市", "League", key=True, pattern=_CODE),
        _integer("vintage", "年份", "Vintage", key=True, minimum=1900, maximum=2200),
        _text("project", "项目", "Project", key=True),
        _text("pool", "碳库", "Pool", key=True, description="a pool or group of pools of the quantification, or total"),
        _decimal("gross_tCO2e", "项目减排量（扣风险前）", "Units before the risk share", _TONNES, decimals=3, minimum=0),
        _decimal("removal_tCO2e", "清单碳汇量", "Removal of the inventory on that land", _TONNES, decimals=3),
        _decimal("claimed_tCO2e", "项目占用量", "Claimed", _TONNES, decimals=3, minimum=0, description="min(gross, max(0, removal))"),
        _decimal("excess_tCO2e", "超出量", "Excess", _TONNES, decimals=3, minimum=0, description="gross - claimed"),
        _decimal("unclaimed_tCO2e", "盟市自有量", "Unclaimed", _TONNES, decimals=3, description="of the league itself: removal - claimed"),
        _text("reason", "超出原因", "Reason of the excess", choices=EXCESS_REASONS),
    ),
)  # fmt: skip

DEDUCTION_MODES = ("none", "fixed", "t66", "lower90")
OFFSETS = Table(
    name="offsets", title_zh="盟市碳汇抵扣", title_en="Offsets of the leagues", row_per="league and year; rows of the region are sums",
    columns=(
        _text("league", "盟市", "League", key=True, pattern=_CODE),
        YEAR,
        _text("time_basis", "时间口径", "Time basis", choices=("interval_mean", "year"),
              description="interval_mean: the annual mean of the interval that holds the year"),
        _text("removal_approach", "核算方法", "Approach", needed=True, choices=TOTAL_APPROACHES),
        *(_decimal(name, zh, en, _TONNES, decimals=3, **more) for name, zh, en, more in (
            ("removal_inventory_tCO2e", "清单碳汇量", "Removal of the inventory, S", {}),
            ("se_tCO2e", "标准误", "Standard error of S", {"minimum": 0}),
            ("low_tCO2e", "95%下限", "Low end of the 95 % interval of S", {}),
            ("high_tCO2e", "95%上限", "High end of the 95 % interval of S", {}))),
        _text("deduction_mode", "扣减方式", "Deduction mode", needed=True, choices=DEDUCTION_MODES),
        *(_decimal(name, zh, en, _TONNES, decimals=3, **more) for name, zh, en, more in (
            ("deduction_tCO2e", "不确定性扣减", "Deduction", {"minimum": 0}),
            ("removal_conservative_tCO2e", "扣减后碳汇量", "Removal after the deduction, S_c", {}),
            ("ccer_issued_tCO2e", "当年减排量签发量", "Units issued of this vintage", {"minimum": 0}),
            ("ccer_excluded_tCO2e", "应扣除量", "To be left out, X", {"description": "units of this vintage, true-up and carry"}),
            ("ccer_applied_tCO2e", "实际扣除量", "Left out this year", {"minimum": 0}),
            ("true_up_tCO2e", "补扣量", "True-up of closed years", {}),
            ("carry_in_tCO2e", "上年结转", "Carried in", {}),
            ("carry_out_tCO2e", "结转下年", "Carried out", {}),
            ("withheld_zero_rule_tCO2e", "区间含零不计", "Withheld: the interval holds zero", {"minimum": 0}),
            ("cap_tCO2e", "上限", "Cap", {"minimum": 0}),
            ("above_cap_tCO2e", "超上限", "Above the cap", {"minimum": 0}),
            ("floor_remainder_tCO2e", "取整余数", "Remainder of the floor", {"minimum": 0}),
            ("shortfall_tCO2e", "碳汇亏缺", "Shortfall: S_c below zero", {"maximum": 0}),
            ("offset_trial_tCO2e", "试算抵扣量", "Trial offset", {"minimum": 0, "description": "试算: no rule is decreed"}),
            ("offset_tCO2e", "抵扣量", "Offset", {"description": "empty until a rule is decreed"}),
            ("offset_if_only_leaving_units_excluded_tCO2e", "仅扣除流出单位时", "Offset if only units that leave the region are left out", {"minimum": 0}),
            ("offset_if_nothing_excluded_tCO2e", "全不扣除时", "Offset if nothing is left out", {"minimum": 0}),
            ("pipeline_tCO2e", "储备减排量", "Pipeline of projects", {"description": "memo"}),
            ("avoided_emission_tCO2e", "避免排放类减排量", "Units of avoided emissions, gross", {"minimum": 0}),
            ("memo_wetland_ch4_tCO2e", "湿地甲烷（备查）", "Methane of natural marsh, emission", {"description": "memo"}))),
        _text("not_estimated", "未估算部分", "Not estimated"),
        *(_decimal(name, zh, en, _TONNES, decimals=3) for name, zh, en in (
            ("emission_tCO2e", "排放量", "Emission of the league"), ("net_emission_tCO2e", "试算净排放量", "Emission less the trial offset"))),
        _text("rule_id", "规则编号", "Rule", needed=True, pattern=_CODE),
        _text("rule_status", "规则状态", "Status of the rule", needed=True, choices=("trial", "decreed")),
        _integer("unverified_factors_n", "未核实系数个数", "Factors not verified", minimum=0),
        _text("run_id", "运行编号", "Run", needed=True, pattern=_CODE),
    ),
)  # fmt: skip

OUTPUT_TABLES = (
    ZONES, STRATA, ACTIVITY_YEAR, ACTIVITY_PAIR, ACTIVITY_LATTICE, ACTIVITY_ANNUAL, ACTIVITY_FIRE, LAND_USE, COHORTS, STOCKS, REMOVALS, BALANCE,
    SUMMARY,
    COVARIANCE, CONTRIBUTIONS, TREND, KEY_CATEGORIES, CONVERGENCE, BIN_BOUNDS, NEP_CHECK, GRASS_WEATHER, FACTORS_USED, INPUTS, VECTOR_AREAS, RAKING,
    APPROACHES_COMPARED,
    OFFSETS, UNITS, LEDGER, PIPELINE, POLYGON_ACCOUNT,
)  # fmt: skip

__all__ = ["DICTIONARY", "OUTPUT_TABLES"]
