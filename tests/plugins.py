"""Packages for tests: a methodology written by the template, changed on purpose, installed into a folder on the path."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from methodologies.authors import write_template


def install(site: Path, name: str, *changes: tuple[str, str, str], distribution: str | None = None, id: str | None = None) -> str:
    """Write the template package of a name into a folder as an installed distribution; returns its distribution.

    ``changes`` are (file, old text, new text); an old text that is not there is an error.
    """
    source = site / f".source-{name}"
    write_template(name, source)
    package = f"{name}_methodology"
    (source / package).rename(site / package)
    for file, old, new in changes:
        path = site / package / file
        content = path.read_text(encoding="utf-8")
        assert old in content, old
        path.write_text(content.replace(old, new), encoding="utf-8")
    distribution = distribution or package.replace("_", "-")
    info = site / f"{distribution.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[methodologies]\n{id or name} = {package}.module:METHODOLOGY\n", encoding="utf-8")
    (info / "RECORD").write_text("", encoding="utf-8")
    return distribution


@contextmanager
def on_path(site: Path) -> Iterator[None]:
    """The folder on the path, and its modules forgotten afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(site))
    try:
        yield
    finally:
        sys.path.remove(str(site))
        for name in set(sys.modules) - before:
            if name.split(".")[0].endswith("_methodology"):
                del sys.modules[name]
