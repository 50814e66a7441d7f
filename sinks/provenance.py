"""Hashes of what went in and came out, the record of a run, and the lock of its folder."""

import hashlib
import json
import os
import platform
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from aoi.findings import InputError, finding
from aoi.table import replace_file
from sinks.errors import DISK_FAILURES, Unfinished
from sinks.program import code_hash

_CHUNK = 1 << 22
HASHED_LIBRARIES = ("numpy", "pandas", "rasterio", "pyproj", "shapely", "scipy", "dask", "pyogrio", "geopandas")


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def content_hash(value: Any) -> str:
    """The SHA-256 of a value as canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False, default=str).encode("utf-8")).hexdigest()


class HashMemory:
    """Hashes of inputs, remembered by label, size and time of change, so that a file is read for its hash once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[Any]] = {}
        known = read_json(path)
        if isinstance(known, dict):
            self._known = {label: one for label, one in known.items() if isinstance(one, list) and len(one) == 3}

    def sha256(self, label: str, path: Path) -> str:
        """The hash of a file, from memory when size and time of change are the same."""
        status = path.stat()
        known = self._known.get(label)
        if known is not None and known[:2] == [status.st_size, status.st_mtime_ns]:
            return str(known[2])
        digest = file_sha256(path)
        self._known[label] = [status.st_size, status.st_mtime_ns, digest]
        return digest

    def keep(self) -> None:
        """Write the memory down."""
        replace_file(self._path, json.dumps(self._known, indent=0, sort_keys=True, ensure_ascii=False).encode("utf-8"))


def versions() -> dict[str, str]:
    """Versions of the program and of what computes with it."""
    found = {"python": platform.python_version()}
    for name in ("nmg-ecosystem-sinks", *HASHED_LIBRARIES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "source"
    return found


def write_json(path: Path, value: Any) -> None:
    """Write JSON beside, then rename."""
    replace_file(path, (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8"))


def read_json(path: Path) -> Any:
    """JSON of a file; none where there is no file or it is broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def log(out: Path, event: str, **values: object) -> None:
    """Add a line to the journal of a run; the only place where times stand."""
    out.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **values}, ensure_ascii=False)
    with (out / "run.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold a run folder for one run.

    Raises
    ------
    InputError
        Another run that is alive holds it, or it cannot be made or written. A lock
        whose process is gone is taken over.
    Unfinished
        The disk is full or fails while it is held.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        path = _lock(out)
    except OSError as error:
        raise InputError(finding("E-RUN-04", out.name, reason=error.strerror or "")) from error
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FAILURES:
            raise
        raise Unfinished(finding("E-RUN-03", out.name, reason=error.strerror or "")) from error
    finally:
        with _locking:
            path.unlink(missing_ok=True)
            _held.discard(path)


_held: set[Path] = set()
"""Locks of this process."""
_locking = threading.Lock()
"""Threads of this process take locks one after the other."""


def _lock(out: Path) -> Path:
    """The lock file of a folder, made by this process; it is never there without its content."""
    path = out.resolve() / ".lock"
    mine = path.with_name(f".lock.{os.getpid()}.new")
    with _locking:
        mine.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}), encoding="utf-8")
        try:
            while not _linked(mine, path):
                other = read_json(path)
                if _alive(other, path):
                    raise InputError(finding("E-RUN-01", out.name, pid=other["pid"], host=other.get("host")))
                path.unlink(missing_ok=True)
        finally:
            mine.unlink(missing_ok=True)
        _held.add(path)
    _sweep(out)
    return path


def _sweep(out: Path) -> None:
    """Remove what a run that was killed had begun to write beside its place; whoever holds the lock is the only writer."""
    for begun in out.rglob(".*.new"):
        if not begun.name.startswith(".lock."):
            begun.unlink(missing_ok=True)


def _linked(file: Path, name: Path) -> bool:
    """Give a file a second name; false where the name is taken."""
    try:
        os.link(file, name)
    except FileExistsError:
        return False
    except (OSError, NotImplementedError):  # a file system without links
        try:
            with name.open("xb") as copy:
                copy.write(file.read_bytes())
        except FileExistsError:
            return False
    return True


def _alive(lock: Any, path: Path) -> bool:
    """Does the process of a lock still run? One of another host counts as running; what is no lock does not."""
    pid, host = (lock.get("pid"), lock.get("host")) if isinstance(lock, dict) else (None, None)
    if type(pid) is not int or not 0 < pid < 2**31 or not isinstance(host, str):
        return False
    if host != socket.gethostname():
        return True
    if pid == os.getpid():
        return path in _held
    if os.name == "nt":
        import psutil

        return bool(psutil.pid_exists(pid))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


__all__ = ["HashMemory", "code_hash", "content_hash", "file_sha256", "locked", "log", "read_json", "versions", "write_json"]
