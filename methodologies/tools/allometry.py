"""Regressions of biomass on what is measured at a plant: the tables, and the forms they come in."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from aoi.table import Column, Table
from methodologies.contract import Array

FORMS = ("power_x", "power_d", "exp_d", "exp_ln_x", "exp_ln_d", "power_v", "power_c", "linear_v")
PARTS = ("leaf", "branch", "stem", "root", "agb", "total")

_SHARED = (
    Column(name="id", type="text", title_zh="编号", title_en="Id", key=True),
    Column(name="species", type="text", title_zh="树种或灌木", title_en="Species", needed=True),
    Column(name="part", type="text", title_zh="部位", title_en="Part", needed=True, choices=PARTS),
    Column(name="form", type="text", title_zh="形式", title_en="Form", needed=True, choices=FORMS),
    Column(name="coefficient", type="decimal", title_zh="系数", title_en="Coefficient", needed=True),
    Column(name="exponent", type="decimal", title_zh="指数", title_en="Exponent"),
)
_EVIDENCE = (
    Column(name="unit", type="text", title_zh="单位", title_en="Unit", needed=True),
    Column(name="source", type="text", title_zh="来源", title_en="Source", needed=True),
    Column(name="locator", type="text", title_zh="出处位置", title_en="Locator"),
    Column(name="tag", type="text", title_zh="证据标签", title_en="Evidence tag", needed=True),
    Column(name="verified", type="boolean", title_zh="已核实", title_en="Verified", needed=True),
    Column(name="note", type="text", title_zh="备注", title_en="Note"),
)

TREE_EQUATIONS = Table(
    name="tree_equations",
    title_zh="单木生物量方程",
    title_en="Biomass of single trees",
    row_per="species and part",
    columns=(*_SHARED, *_EVIDENCE),
)
SHRUB_EQUATIONS = Table(
    name="shrub_equations",
    title_zh="灌木生物量方程",
    title_en="Biomass of single shrubs",
    row_per="species and part",
    columns=(
        *_SHARED,
        Column(name="intercept", type="decimal", title_zh="截距", title_en="Intercept"),
        *(
            Column(name=f"{letter}_{end}", type="decimal", title_zh=f"{zh}{end_zh}", title_en=f"{en}, {end_en}", unit=unit, needed=True)
            for letter, zh, en, unit in (
                ("c", "冠幅面积", "Crown area", "m2"),
                ("v", "冠体积", "Crown volume", "m3"),
                ("h", "高", "Height", "m"),
            )
            for end, end_zh, end_en in (("min", "下限", "lower end"), ("max", "上限", "upper end"))
        ),
        Column(name="n", type="integer", title_zh="样本数", title_en="Number of plants", minimum=1),
        Column(name="r2", type="decimal", title_zh="决定系数", title_en="R squared", minimum=0, maximum=1),
        *_EVIDENCE,
    ),
)


@lru_cache(maxsize=1)
def tree_equations() -> pd.DataFrame:
    """The equations for single trees."""
    return TREE_EQUATIONS.read(Path(__file__).with_name("tree_equations.csv"))


@lru_cache(maxsize=1)
def shrub_equations() -> pd.DataFrame:
    """The equations for single shrubs with their valid ranges."""
    return SHRUB_EQUATIONS.read(Path(__file__).with_name("shrub_equations.csv"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """One row of a table of equations."""

    id: str
    part: str
    form: str
    coefficient: float
    exponent: float
    intercept: float

    def __call__(self, predictor: Array) -> Array:
        """The value at the predictor of the form: X = D^2 H, D, V or C, in the units of the source."""
        if self.form.startswith("power"):
            return self.coefficient * predictor**self.exponent
        if self.form == "exp_d":
            return self.coefficient * np.exp(self.exponent * predictor)
        if self.form.startswith("exp_ln"):
            return np.exp(self.coefficient + self.exponent * np.log(predictor))
        return self.coefficient * predictor + self.intercept


def regressions(table: pd.DataFrame, species: str) -> dict[str, Regression]:
    """The equations of a species by part."""
    rows = table[table["species"] == species].to_dict("records")
    return {
        row["part"]: Regression(
            id=row["id"],
            part=row["part"],
            form=row["form"],
            coefficient=row["coefficient"],
            exponent=row["exponent"],
            intercept=row.get("intercept", np.nan),
        )
        for row in rows
    }


def equations_of(species: set[str]) -> pd.DataFrame:
    """The rows of both tables for some species, for the list of what was used."""
    both = pd.concat([tree_equations(), shrub_equations()], ignore_index=True)
    return both[both["species"].isin(species)].reset_index(drop=True)
