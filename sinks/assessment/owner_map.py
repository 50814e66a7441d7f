"""The map of owners: parcels of projects and the leagues around them, with what each holds of the inventory's removal."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import shapely

from aoi.zones import Zones
from sinks.assessment.basis import PARCELS
from sinks.assessment.owners import LEAGUE_ITSELF

CRS = "EPSG:4490"
_PLACES = 1e-7
"""Degrees; about a centimetre."""
_AMOUNTS = ("gross_tCO2e", "removal_tCO2e", "claimed_tCO2e", "excess_tCO2e", "unclaimed_tCO2e")


def owner_map(zone_sets: Sequence[Zones], account: pd.DataFrame, project_of: Mapping[str, str]) -> bytes:
    """A GeoJSON of owners, the same bytes for the same input: a feature per league and per piece of a parcel.

    Parameters
    ----------
    zone_sets : sequence of Zones
        The leagues, and parcels crossed with them (codes ``league.parcel``).
    account : DataFrame
        Table `polygon_account`; amounts of a project stand on each of its pieces in the league, by vintage.
    project_of : mapping
        Parcel -> project.
    """
    features = [feature for zones in zone_sets for feature in _features(zones.to_crs(CRS), zones.name == PARCELS, account, project_of)]
    return (
        json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"
    ).encode("utf-8")


def _features(zones: Zones, parcels: bool, account: pd.DataFrame, project_of: Mapping[str, str]) -> list[dict[str, Any]]:
    out = []
    for code, parent, geometry in zip(zones.codes, zones.parents, zones.geometries, strict=True):
        league = parent if parcels else code
        parcel = code[len(parent) + 1 :] if parcels else ""
        owner = project_of.get(parcel, "") if parcels else LEAGUE_ITSELF
        rows = account[(account["league"] == league) & (account["project"] == owner)]
        said: dict[str, Any] = {"league": league, "parcel": parcel, "owner": owner}
        for year, mine in rows.groupby("vintage"):
            said |= {f"{name}_{year}": _sum(mine[name]) for name in _AMOUNTS}
        shape = json.loads(shapely.to_geojson(shapely.set_precision(geometry, _PLACES)))
        out.append({"type": "Feature", "properties": said, "geometry": shape})
    return out


def _sum(values: pd.Series) -> float | None:
    return None if values.isna().all() else round(float(values.sum()), 3)
