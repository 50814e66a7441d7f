"""What a run reads of catalogues: files on disk, and what the cache holds; nothing is asked of the network here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aoi.findings import Finding, InputError, finding
from sinks.config import Config
from sinks.layers.cloud.cache import Cache, Stored, set_key
from sinks.layers.cloud.catalogue import Catalogue, Item, NeedsWeb
from sinks.layers.cloud.request import Footprint, Request
from sinks.layers.cloud.tiff import LayoutError
from sinks.layers.cloud.web import Web, without_secrets

NAMED = 3
"""So many items are named in a finding; of the others their number is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where a run finds the items of its catalogues.

    Parameters
    ----------
    base, roots : Path
        Folders whose files may be read.
    footprint : Footprint
        Of the zones.
    """

    cache: Cache
    footprint: Footprint
    base: Path
    roots: tuple[Path, ...]

    def catalogue(self, request: Request, web: Web | None) -> Catalogue:
        """The catalogue of a request."""
        return Catalogue(request.address, self.base, self.roots, catalogue_name(request.address), web)

    def items(self, request: Request) -> list[Item]:
        """The items of a request, from disk or from the cache.

        Raises
        ------
        InputError
            It was never asked (``E-STAC-01``); as `Catalogue.items` where the catalogue is on disk.
        """
        try:
            return self.catalogue(request, None).items(request, self.footprint)
        except NeedsWeb as error:
            known = self.cache.answer(request, self.footprint)
            if known is None:
                raise InputError(finding("E-STAC-01", request.where, catalogue=catalogue_name(request.address))) from error
            return known

    def stored(self, item: Item) -> Stored | None:
        """The place of an item in the cache; None for one that is a file on disk."""
        return None if item.local is not None else self.cache.stored(item)


def shelf_of(config: Config, footprint: Footprint, base: Path, roots: tuple[Path, ...]) -> Shelf:
    """The shelf of a configuration: its cache stands beside it, or where it says."""
    return Shelf(cache=Cache((base / config.network.cache).resolve()), footprint=footprint, base=base, roots=roots)


def catalogue_name(address: str) -> str:
    """What a catalogue is called: its address without scheme and secrets, or the path as written."""
    bare = without_secrets(address)
    return bare.partition("://")[2].rstrip("/") if "://" in bare else address


def lacking(where: str, names: Sequence[str]) -> Finding:
    """Items of a layer and date whose files are not in the cache, or not whole."""
    more = f" + {len(names) - NAMED}" if len(names) > NAMED else ""
    return finding("E-STAC-02", where, n=len(names), items=", ".join(names[:NAMED]) + more)


def file_of_set(stored: Stored, wanted: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> Path | None:
    """The file of the wanted blocks of an item, when it is in the cache and as it was written.

    Raises
    ------
    InputError
        It is not as it was written (``E-NET-09``).
    """
    try:
        layout = stored.layout()
        return stored.whole_set(set_key(layout.blocks(wanted)))
    except (LayoutError, ValueError, OSError):
        return None
