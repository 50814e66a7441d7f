"""Tables of uncertainty: covariance of leagues, contributions, trend, key categories, convergence."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.accounting.errors import Effects
from sinks.accounting.intervals import Drawn, rounded, significant
from sinks.accounting.monte_carlo import Draws
from sinks.accounting.stocks import Leaves
from sinks.accounting.summary import BARRED, REMOVAL, STOCK
from sinks.uncertainty import Z95

Floats = NDArray[np.float64]

SERIES = ["quantity", "ecosystem", "approach"]
SMALLEST_SHARE = 1e-6
KEY_SHARE = 95
"""Categories that together make so many percent of a total are key (IPCC 2006 V1 4.3.1)."""


def covariance_rows(frame: pd.DataFrame, effects: Effects, draws: Draws | None, zones: Sequence[str]) -> pd.DataFrame:
    """Covariance of the same quantity between zones and times: the upper triangle of a matrix for each series."""
    out = []
    usable = (frame["zone"].isin(zones) & (frame["value_flag"] == "V")).to_numpy()
    for series, places in frame[usable].groupby(SERIES, sort=True).indices.items():
        rows = np.flatnonzero(usable)[places]
        order = np.lexsort([frame["year"].to_numpy()[rows], frame["year_from"].to_numpy()[rows], frame["zone"].to_numpy().astype(str)[rows]])
        rows = rows[order].astype(np.int64)
        analytic = effects.covariance(rows)
        drawn = np.full_like(analytic, np.nan) if draws is None else np.atleast_2d(np.cov(draws.totals[rows]))
        first, second = np.triu_indices(len(rows))
        one, other = frame.iloc[rows[first]], frame.iloc[rows[second]]
        out.append(pd.DataFrame({
            **dict(zip(SERIES, series, strict=True)),
            **{name: one[name].to_numpy() for name in ("zone", "year_from", "year")},
            **{f"{name}_with": other[name].to_numpy() for name in ("zone", "year_from", "year")},
            "covariance": significant(analytic[first, second]), "mc_covariance": significant(drawn[first, second]),
        }))  # fmt: skip
    return pd.concat(out, ignore_index=True) if out else pd.DataFrame()


def contribution_rows(frame: pd.DataFrame, effects: Effects) -> pd.DataFrame:
    """How much of the variance of each total each source of error holds, down to a millionth."""
    variances = effects.variances()
    total = variances.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(total > 0, variances / total, 0.0)
    source, row = np.nonzero(shares >= SMALLEST_SHARE)
    keys = frame.iloc[row][["zone", "year", "year_from", *SERIES]].reset_index(drop=True)
    return keys.assign(
        kind=[effects.sources[one].kind for one in source], source=[effects.sources[one].name for one in source],
        se=rounded(np.sqrt(variances[source, row])), variance_share=significant(shares[source, row]),
    )  # fmt: skip


def trend_rows(frame: pd.DataFrame, effects: Effects, draws: Draws | None) -> pd.DataFrame:
    """Change of each total between its first and its last time, with the error that the two have not in common.

    The error in percentage points is that of ``100 (end - start) / |start|`` to the first
    order, ``100 (E_end - (end / start) E_start) / |start|``, which is Table 3.2
    [IPCC2006 V1 ch3] for errors that are the same or independent in both years.
    """
    rows, points = [], []
    for key, part in frame[frame["value_flag"] == "V"].groupby(["zone", *SERIES], sort=True):
        if len(part) < 2:
            continue
        start, end = part.index[part["year"].argmin()], part.index[part["year"].argmax()]
        first, last = (float(frame.at[one, "value"]) for one in (start, end))
        rows.append((*key, int(frame.at[start, "year"]), int(frame.at[end, "year"]), first, last, last - first))
        points.append((start, end))
    names = ["zone", *SERIES, "year_from", "year", "value_from", "value_to", "change"]
    out = pd.DataFrame(rows, columns=names)
    if not len(out):
        return out
    start, end = (np.asarray(one, dtype=np.int64) for one in zip(*points, strict=True))
    change = effects.rows[:, end] - effects.rows[:, start]
    first, last = out["value_from"].to_numpy(dtype=np.float64), out["value_to"].to_numpy(dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        percent = 100.0 * (last - first) / np.abs(first)
        relative = 100.0 * (effects.rows[:, end] - last / first * effects.rows[:, start]) / np.abs(first)
    error = np.sqrt((change * change).sum(axis=0))
    drawn = Drawn.nothing(len(out)) if draws is None else Drawn.of((draws.totals[end] - draws.totals[start]).T)
    moved = error > 0
    held = {"se_change": error, "low_change": last - first - Z95 * error, "high_change": last - first + Z95 * error,
            "mc_se_change": significant(drawn.error), "mc_low_change": significant(drawn.low), "mc_high_change": significant(drawn.high)}  # fmt: skip
    points95 = Z95 * np.sqrt((relative * relative).sum(axis=0))
    return out.assign(
        **{name: rounded(np.where(moved, values, np.nan)) for name, values in held.items()},
        change_percent=np.where(np.isfinite(percent), percent, np.nan), uncertainty_points=np.where(moved & np.isfinite(points95), points95, np.nan),
    )  # fmt: skip


def key_category_rows(stocks: Leaves, removals: Leaves, effects: Effects, zones: dict[str, list[str]]) -> pd.DataFrame:
    """Categories of stocks and removals by size and by their part in the uncertainty, largest first.

    A category is an ecosystem, pool and transition. Level assessment of approach 1, ``|x| / sum |x|``, and
    of approach 2, weighted with the relative uncertainty (IPCC 2006 V1 equations 4.1 and 4.4).
    """
    count = stocks.values.shape[1]
    parts = [
        *_categories(stocks, 0, STOCK, ["year", "ecosystem", "pool"], zones),
        *_categories(removals, count, REMOVAL, ["year", "approach", "ecosystem", "pool", "transition"], zones),
    ]
    if not parts:
        return pd.DataFrame()
    frame = pd.DataFrame([keys for keys, _, _ in parts])
    value = np.array([value for _, value, _ in parts])
    error = effects.summed([members for _, _, members in parts]).standard_error()
    frame = frame.assign(value=rounded(value), se=np.where(error > 0, rounded(error), np.nan))
    level = ["zone", "year", "quantity", "approach"]
    out = [_ranked(part) for _, part in frame.groupby(level, sort=True)]
    return pd.concat(out, ignore_index=True)


def _categories(
    leaves: Leaves, first: int, quantity: str, keys: list[str], zones: dict[str, list[str]]
) -> list[tuple[dict[str, object], float, NDArray[np.int64]]]:  # fmt: skip
    frame = leaves.frame[leaves.frame["value_flag"] == "V"]
    if quantity == REMOVAL:
        frame = frame[~frame["approach"].isin(BARRED)]
    frame = frame[frame["ecosystem"] != "other"] if quantity == STOCK else frame
    out = []
    for zone, members in zones.items():
        mine = frame[frame["zone"].isin(members)]
        for key, part in mine.groupby(keys, sort=True):
            named = {"approach": "stock", "transition": "remaining", **dict(zip(keys, key, strict=True)), "zone": zone, "quantity": quantity}
            places = part.index.to_numpy(dtype=np.int64)
            out.append((named, float(leaves.values[0, places].sum()), places + first))
    return out


def _ranked(part: pd.DataFrame) -> pd.DataFrame:
    size = part["value"].abs().to_numpy(dtype=np.float64)
    error = np.nan_to_num(part["se"].to_numpy(dtype=np.float64))
    shares = size / size.sum() if size.sum() > 0 else np.zeros(len(part))
    weighted = error / error.sum() if error.sum() > 0 else np.full(len(part), np.nan)
    ranks = np.argsort(np.argsort(-shares, kind="stable"), kind="stable")
    cumulative = np.cumsum(np.sort(shares)[::-1])
    key = cumulative[ranks] - shares < KEY_SHARE / 100.0
    return part.assign(
        rank=ranks + 1, share=significant(shares), cumulative_share=significant(cumulative[ranks]), share_of_uncertainty=significant(weighted), key=key
    )  # fmt: skip


def convergence_rows(frame: pd.DataFrame, draws: Draws, wholes: Sequence[str]) -> pd.DataFrame:
    """How much the half-widths of the intervals of the region changed when the draws were doubled."""
    mine = frame["zone"].isin(wholes) & (frame["value_flag"] == "V")
    change = draws.change_of_half_width()
    rows = frame[mine][["zone", "year", *SERIES]]
    return rows.assign(draws=draws.totals.shape[1], half_width_change=significant(change[mine.to_numpy()], 4)).reset_index(drop=True)
