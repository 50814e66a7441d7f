"""The approaches of the same land side by side, with the gap between them (库差法, 固碳速率法, 增减法)."""

import numpy as np
import pandas as pd

from sinks.accounting.summary import REMOVAL

FIRST = "stock_difference"
_KEYS = ["zone", "year", "ecosystem"]


def approaches_compared(summary: pd.DataFrame) -> pd.DataFrame:
    """Removals by approach beside that by stock difference.

    Parameters
    ----------
    summary : DataFrame
        Table `summary`.

    Returns
    -------
    DataFrame
        Rows of `sinks.tables.APPROACHES_COMPARED`; gap and ratio are empty where either is not estimated.
    """
    rows = summary[summary["quantity"] == REMOVAL].rename(columns={"value": "removal_tCO2e_per_year", "se": "se_tCO2e_per_year"})
    first = rows[rows["approach"] == FIRST].set_index(_KEYS)["removal_tCO2e_per_year"]
    beside = first.reindex(pd.MultiIndex.from_frame(rows[_KEYS])).to_numpy(dtype=float)
    value = rows["removal_tCO2e_per_year"].to_numpy(dtype=float)
    ratio = np.divide(value, beside, out=np.full(len(rows), np.nan), where=beside != 0.0)
    return rows.assign(gap_tCO2e_per_year=value - beside, ratio=ratio)
