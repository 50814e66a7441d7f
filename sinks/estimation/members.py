"""Sums of a model's members over all tiles, as the table that a run reads."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sinks.estimation.retrieval import Retrieval
from sinks.estimation.tile_prediction import PredictedTile
from sinks.tabulate.exact import ExactSums

Ints = NDArray[np.int64]


class MemberSums:
    """Sums of the members over all tiles, exact and rounded once."""

    def __init__(self, wide: int) -> None:
        self._sums = ExactSums(wide)
        self._places: dict[tuple[int, ...], int] = {}
        self._strata: list[Ints] = []
        self._areas = ExactSums(2)
        self._area_places: dict[tuple[int, int], int] = {}

    def add(self, tile: PredictedTile) -> None:
        """Add a tile."""
        self._sums.add(_numbered(self._places, map(tuple, tile.keys.tolist())), np.ascontiguousarray(tile.sums))
        self._strata.append(tile.strata)
        names = ((int(year), int(zone)) for year, zone in tile.areas[:, :2].tolist())
        self._areas.add(_numbered(self._area_places, names), np.ascontiguousarray(tile.areas[:, 2:]))

    def areas(self, zones: Sequence[str]) -> list[dict[str, Any]]:
        """Predicted area and the part of it that is unlike the training data, by zone and year [ha]."""
        totals = self._areas.totals(len(self._area_places))
        return [
            {
                "zone": zones[zone],
                "year": year,
                "predicted_ha": round(float(totals[place, 0]), 6),
                "outside_ha": round(float(totals[place, 1]), 6),
            }
            for (year, zone), place in sorted(self._area_places.items())
        ]

    def frame(self, retrieval: Retrieval, zones: Sequence[str]) -> pd.DataFrame:
        """The table of members; ids of strata are those that a run of the same land makes."""
        keys = np.array(list(self._places), dtype=np.int64).reshape(len(self._places), -1)
        sums = self._sums.totals(len(self._places))
        wide = len(retrieval.classes()) - 1
        codes = np.unique(np.concatenate(self._strata), axis=0) if self._strata else np.zeros((0, wide), dtype=np.int64)
        number = sums.shape[1]
        rows: dict[str, NDArray[Any]] = {
            "zone": np.asarray(zones, dtype=object)[keys[:, 3]], "year_from": keys[:, 0], "year_to": keys[:, 1],
            "land_from": keys[:, 4], "land_to": keys[:, 5 + wide], "stratum_from": _ids(codes, keys[:, 5 : 5 + wide]),
            "stratum_to": _ids(codes, keys[:, 6 + wide :]), "date": np.asarray(["from", "to"], dtype=object)[keys[:, 2]],
        }  # fmt: skip
        frame = pd.DataFrame({name: np.repeat(values, number) for name, values in rows.items()})
        return frame.assign(layer=retrieval.layer, model_member=np.tile(np.arange(number), len(keys)), sum=sums.reshape(-1))


def _numbered(places: dict[Any, int], names: Iterable[Any]) -> Ints:
    """The places of names, new ones at the end."""
    return np.array([places.setdefault(name, len(places)) for name in names], dtype=np.int64)


def _ids(codes: Ints, columns: Ints) -> Ints:
    """Ids of strata: the place of their codes among all that occur."""
    if not codes.shape[1]:
        return np.zeros(len(columns), dtype=np.int64)
    _, place = np.unique(np.concatenate([codes, columns]), axis=0, return_inverse=True)
    return place.reshape(-1)[len(codes) :].astype(np.int64)
