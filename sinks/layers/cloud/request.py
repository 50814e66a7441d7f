"""What a layer asks of a catalogue for a date, and which item answers: by time, properties and place."""

import hashlib
import json
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import shapely

from aoi.findings import InputError, finding
from aoi.zones import Zones
from sinks.config import Config, LayerSection

OPEN = ".."
"""The end of an interval that has none."""
OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "neq": operator.ne, "lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge,
    "in": lambda value, others: value in others, "startsWith": lambda value, other: value.startswith(other),
    "endsWith": lambda value, other: value.endswith(other), "contains": operator.contains,
}  # fmt: skip
"""Of the query extension of STAC APIs."""
_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_LONLAT = "EPSG:4326"


@dataclass(frozen=True)
class Footprint:
    """Where the zones of a run lie, in degrees of longitude and latitude."""

    zones: Zones

    @cached_property
    def shape(self) -> Any:
        """The land of all zones."""
        shape = shapely.union_all([shapely.make_valid(one) for one in self.zones.to_crs(_LONLAT).geometries])
        shapely.prepare(shape)
        return shape

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """West, south, east, north [degree]."""
        west, south, east, north = (round(float(one), 7) for one in self.shape.bounds)
        return west, south, east, north

    @cached_property
    def key(self) -> str:
        """A hash of the zones."""
        digest = hashlib.sha256(self.zones.crs.encode("utf-8"))
        for one in self.zones.geometries:
            digest.update(shapely.to_wkb(one))
        return digest.hexdigest()

    def touches(self, shape: Any) -> bool:
        """Whether a shape in degrees touches a zone."""
        return bool(shapely.intersects(self.shape, shape))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The items of a layer at a date.

    Parameters
    ----------
    address : str
        Of the catalogue, as the user wrote it.
    start, stop : datetime, optional
        Items begin between the two (both included); None for no limit.
    one_date : bool
        All items are one mosaic; else each date at which items begin is a member of its own.
    """

    layer: str
    year: int | None
    address: str
    collection: str
    asset: str
    start: datetime | None
    stop: datetime | None
    query: Mapping[str, Any]
    one_date: bool

    @property
    def where(self) -> str:
        """Where it stands in the configuration."""
        return f"layers.{self.layer}" + ("" if self.year is None else f".{self.year}")

    @property
    def interval(self) -> str:
        """The time as a catalogue is asked for it: RFC 3339."""
        if self.start is None and self.stop is None:
            return ""
        return "/".join(OPEN if one is None else one.strftime("%Y-%m-%dT%H:%M:%SZ") for one in (self.start, self.stop))

    def key(self, footprint: Footprint) -> str:
        """A hash of everything that the answer depends on."""
        asked = [self.address, self.collection, self.asset, self.interval, self.query, footprint.key]
        return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode("utf-8")).hexdigest()[:32]

    def holds(self, begins: datetime | None) -> bool:
        """Whether an item that begins at a time is asked for; one without a time is where no time is asked."""
        if self.start is None and self.stop is None:
            return True
        return begins is not None and (self.start is None or begins >= self.start) and (self.stop is None or begins <= self.stop)

    def fits(self, properties: Mapping[str, Any]) -> bool:
        """Whether the properties of an item are those asked for; a catalogue may not know how to ask."""
        return all(_fits(properties.get(name), wanted) for name, wanted in self.query.items())


def requests_of(config: Config) -> list[Request]:
    """What the layers of a configuration ask of catalogues, by layer and date.

    Raises
    ------
    InputError
        A datetime (``E-STAC-13``) or a query (``E-STAC-14``) that cannot be read.
    """
    out = []
    found = []
    for name, section in config.layers.items():
        if section.stac is None:
            continue
        for year, said in section.times(config.run.dates).items():
            place = f"layers.{name}" + ("" if year is None else f".{year}")
            try:
                start, stop = interval_of(said)
            except ValueError:
                found.append(finding("E-STAC-13", f"{place}.datetime", value=said[:60]))
                continue
            out.append(_request(name, year, section, start, stop))
        found += [
            finding("E-STAC-14", f"layers.{name}.query", key=key, operators=", ".join(OPERATORS))
            for key, wanted in (section.query or {}).items()
            if isinstance(wanted, Mapping) and not set(wanted) <= set(OPERATORS)
        ]
    if found:
        raise InputError(found)
    return out


def _request(name: str, year: int | None, section: LayerSection, start: datetime | None, stop: datetime | None) -> Request:
    return Request(
        layer=name, year=year, address=str(section.stac), collection=section.collection or "", asset=str(section.asset), start=start, stop=stop,
        query=section.query or {}, one_date=not section.files_mean,
    )  # fmt: skip


def interval_of(said: str) -> tuple[datetime | None, datetime | None]:
    """The first and last second of a datetime: a year, month, day or moment, or two of them with ``/`` between; ``..`` for no limit.

    Raises
    ------
    ValueError
        It is none of these, or ends before it begins.

    >>> [one.isoformat() for one in interval_of("2020-02")]
    ['2020-02-01T00:00:00+00:00', '2020-02-29T23:59:59+00:00']
    """
    first, separator, last = said.strip().partition("/")
    start, stop = _span(first)[0], _span(last if separator else first)[1]
    if start is not None and stop is not None and start > stop:
        raise ValueError(said)
    return start, stop


def _span(said: str) -> tuple[datetime | None, datetime | None]:
    """The first and last second of a year, month, day or moment."""
    if said == OPEN:
        return None, None
    partial = _PARTIAL.fullmatch(said)
    if partial is None:
        at = moment(said)
        return at, at
    year, month, day = (int(one) if one else None for one in partial.groups())
    start = datetime(year or 0, month or 1, day or 1, tzinfo=UTC)
    if day is not None:
        after = start + timedelta(days=1)
    elif month is not None:
        after = datetime(start.year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    else:
        after = datetime(start.year + 1, 1, 1, tzinfo=UTC)
    return start, after - timedelta(seconds=1)


def moment(said: str) -> datetime:
    """A moment of RFC 3339 in UTC; raises `ValueError`."""
    at = datetime.fromisoformat(said)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def _fits(value: Any, wanted: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return bool(value == wanted)
    return all(_compare(name, value, other) for name, other in wanted.items())


def _compare(name: str, value: Any, other: Any) -> bool:
    """An operator of the query extension; what cannot be compared does not fit."""
    try:
        return bool(OPERATORS[name](value, other))
    except (TypeError, AttributeError):
        return False
