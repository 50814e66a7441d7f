"""The land-use matrix: area by land class at both dates of an interval."""

from collections.abc import Sequence

import pandas as pd

from sinks.accounting.area_errors import AreaSample, adjusted_land_use
from sinks.accounting.inventory import Prepared

KEY = ["zone", "year_from", "year_to", "land_from", "land_to"]


def land_use(prepared: Prepared, samples: Sequence[AreaSample] = ()) -> pd.DataFrame:
    """Area by zone, interval and land class at both dates [ha]; unknown land is a class of its own, so both dates close.

    Where a reference sample of change is there, its adjusted areas and their standard errors stand beside.
    """
    cells = prepared.pairs
    frame = pd.DataFrame(
        {
            "zone": cells.frame["zone"], "year_from": cells.frame["year_from"], "year_to": cells.frame["year_to"],
            "land_from": cells.frame["land_class_from"], "land_to": cells.frame["land_class_to"],
            "area_ha": cells.frame["area_ha"],
        }
    )  # fmt: skip
    areas = frame.groupby(KEY, sort=True)["area_ha"].sum().reset_index()
    of_change = [sample for sample in samples if sample.of_change]
    for sample in of_change[:1]:
        areas = areas.merge(adjusted_land_use(prepared, sample), on=KEY, how="left")
    return areas
