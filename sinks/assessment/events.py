"""Events of unit blocks: what each may say after what went before, and the chain of hashes that binds them in order."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from aoi.findings import Finding, finding
from sinks.assessment.movements import shares_of
from sinks.tables import LEDGER

FINAL = frozenset({"retired_ets", "retired_voluntary", "regional_indicator", "cancelled_for_league", "buffer_void"})
"""States that a unit never leaves."""
START = "0" * 64
"""What stands before the first hash."""
SEPARATOR = "\x1f"
"""Between the cells that are hashed; no cell holds it."""
HASHED = tuple(name for name in LEDGER.names if name not in ("sequence", "previous_sha256", "sha256"))
"""Columns whose cells are hashed, in this order."""
OF_ISSUE = (
    "programme", "project", "module", "owner", "vintage", "parcels", "serial_first", "serial_last", "gross_tCO2e", "risk_share",
    "issued_tCO2e", "league_shares",
)  # fmt: skip
"""What the issue of a block says of it."""
SAME_AS_PARENT = ("programme", "project", "module", "kind", "vintage", "parcels", "serial_prefix", "risk_share", "league_shares")


class Event(NamedTuple):
    """A row of the ledger as canonical texts, without its place in the chain."""

    block: str
    event: str
    date: str
    action: str
    state: str
    programme: str
    project: str
    module: str
    kind: str
    owner: str
    vintage: str
    parcels: str
    serial_prefix: str
    serial_first: str
    serial_last: str
    gross_tCO2e: str
    risk_share: str
    issued_tCO2e: str
    league_shares: str
    parent: str
    evidence: str


if Event._fields != HASHED:
    raise ImportError("the columns of the ledger and of an event differ")


def next_hash(previous: str, cells: Sequence[str]) -> str:
    """The hash of an event: SHA-256 over the hash before it and its cells."""
    return hashlib.sha256(SEPARATOR.join((previous, *cells)).encode("utf-8")).hexdigest()


@dataclass(slots=True)
class Block:
    """What is known of a block after its events so far."""

    issue: Event
    event: int
    date: str
    state: str
    replaced: bool = False
    split_on: str = ""

    @property
    def units(self) -> int:
        """Units of the block when it was issued or split off [t CO2e]."""
        return int(self.issue.issued_tCO2e)


def check_first(one: Event, where: str) -> list[Finding]:
    """What is wrong with the issue of a block, or with its split from another, in itself."""
    found = []
    empty = [] if all(one[5:8] + one[9:12] + one[13:19]) else [name for name in OF_ISSUE if not getattr(one, name)]
    empty += [name for name in ("parent" if one.action == "split" else "state",) if not getattr(one, name)]
    if one.event != "1" or empty:
        found.append(finding("E-LEDGER-01", where, block=one.block, empty=", ".join(empty) or f"event = {one.event}"))
        return found
    found += _check_date(one, where)
    if one.action == "issue" and one.parent:
        found.append(finding("E-LEDGER-02", where, block=one.block, cells="parent"))
    first, last, issued = int(one.serial_first), int(one.serial_last), int(one.issued_tCO2e)
    if last - first + 1 != issued:
        found.append(finding("E-LEDGER-03", where, block=one.block, serials=last - first + 1, issued=issued))
    most = Decimal(one.gross_tCO2e) * _kept(one.risk_share)
    if issued > most:
        found.append(finding("E-LEDGER-04", where, block=one.block, issued=issued, most=f"{most:.3f}"))
    if not _whole(one.league_shares):
        found.append(finding("E-LEDGER-05", where, block=one.block, shares=one.league_shares))
    if one.date[:4] < one.vintage:
        found.append(finding("E-LEDGER-06", where, block=one.block, date=one.date, vintage=one.vintage))
    return found


def check_later(one: Event, before: Block, where: str) -> list[Finding]:
    """What is wrong with a later event of a block after what went before."""
    wanted = ("state", "owner") if one.action == "state" else ()
    found = []
    empty = [name for name in wanted if not getattr(one, name)]
    if empty:
        found.append(finding("E-LEDGER-01", where, block=one.block, empty=", ".join(empty)))
    other = [name for name in HASHED[5:-1] if name != "owner" and getattr(one, name)] if any(one[5:9]) or any(one[10:-1]) else []
    other += ["state"] if one.action == "replace" and one.state else []
    if other:
        found.append(finding("E-LEDGER-02", where, block=one.block, cells=", ".join(other)))
    found += _check_date(one, where)
    if int(one.event) != before.event + 1:
        found.append(finding("E-LEDGER-07", where, block=one.block, event=one.event, expected=before.event + 1))
    if one.date < before.date:
        found.append(finding("E-LEDGER-08", where, block=one.block, date=one.date, before=before.date))
    if before.split_on:
        found.append(finding("E-LEDGER-09", where, block=one.block, date=before.split_on))
    elif one.action == "state" and before.state in FINAL:
        found.append(finding("E-LEDGER-10", where, block=one.block, state=before.state, wanted=one.state))
    elif (one.action == "replace" and (before.replaced or before.state == "cancelled_for_league")) or (
        before.replaced and one.state == "cancelled_for_league"
    ):
        found.append(finding("E-LEDGER-11", where, block=one.block, state=before.state))
    return found


def check_split(one: Event, parent: Block | None, where: str) -> list[Finding]:
    """What is wrong with a part that is split from a block."""
    if parent is None:
        return [finding("E-LEDGER-12", where, block=one.block, parent=one.parent)]
    found = []
    different = [name for name in SAME_AS_PARENT if getattr(one, name) != getattr(parent.issue, name)]
    inside = int(parent.issue.serial_first) <= int(one.serial_first) and int(one.serial_last) <= int(parent.issue.serial_last)
    if different or not inside or (one.state and one.state != parent.state):
        said = ", ".join([*different, *([] if inside else ["serial_first, serial_last"]), *(["state"] if one.state else [])])
        found.append(finding("E-LEDGER-13", where, block=one.block, parent=one.parent, cells=said))
    if one.date < parent.date or (parent.split_on and one.date != parent.split_on):
        found.append(finding("E-LEDGER-08", where, block=one.block, date=one.date, before=parent.split_on or parent.date))
    return found


@lru_cache(maxsize=1024)
def _kept(risk_share: str) -> Decimal:
    return 1 - Decimal(risk_share)


@lru_cache(maxsize=65536)
def _whole(league_shares: str) -> bool:
    """Do the shares of leagues add up to 1, each league once?"""
    shares = shares_of(league_shares)
    return sum(share for _, share in shares) == 1 and len({code for code, _ in shares}) == len(shares)


@lru_cache(maxsize=65536)
def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_date(one: Event, where: str) -> list[Finding]:
    return [] if _is_date(one.date) else [finding("E-LEDGER-14", where, block=one.block, date=one.date)]
