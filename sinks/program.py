"""Which program this is: a hash of its code, so that results and workers of other code are told apart."""

import hashlib
from functools import lru_cache
from importlib import metadata
from pathlib import Path

DECIDING = ("numpy", "rasterio", "numba")
"""Libraries whose versions must agree where results must be the same bytes."""


@lru_cache(maxsize=8)
def code_hash(*places: str) -> str:
    """A hash of the program's own files under some folders or files, so that results of other code are not taken for up to date."""
    top = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for place in places:
        path = top / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(top).as_posix().encode() + b"\0" + file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


@lru_cache(maxsize=1)
def program() -> str:
    """The code of the pass and the libraries that read and sum, in a line: equal where results are."""
    return " ".join([f"code {code_hash('aoi', 'sinks')[:12]}", *(f"{name} {metadata.version(name)}" for name in DECIDING)])
