"""The land-use matrix: area by land class at both dates of an interval."""

import pandas as pd

from sinks.accounting.rows import PairCells

KEY = ["zone", "year_from", "year_to", "land_from", "land_to"]


def land_use(cells: PairCells) -> pd.DataFrame:
    """Area by zone, interval and land class at both dates [ha]; unknown land is a class of its own, so both dates close."""
    frame = pd.DataFrame(
        {
            "zone": cells.frame["zone"], "year_from": cells.frame["year_from"], "year_to": cells.frame["year_to"],
            "land_from": cells.frame["land_class_from"], "land_to": cells.frame["land_class_to"],
            "area_ha": cells.frame["area_ha"],
        }
    )  # fmt: skip
    return frame.groupby(KEY, sort=True)["area_ha"].sum().reset_index()
