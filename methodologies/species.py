"""Names of trees and shrubs: a user writes Chinese, Latin or the key."""

from functools import lru_cache
from pathlib import Path

from aoi.table import Column, Table
from aoi.texts import Language

SPECIES = Table(
    name="species", title_zh="树种和灌木", title_en="Trees and shrubs", row_per="species or group",
    columns=(
        Column(name="key", type="text", title_zh="代码", title_en="Key", key=True, pattern=r"[a-z][a-z0-9_]*"),
        Column(name="name_zh", type="text", title_zh="中文名", title_en="Chinese name", needed=True),
        Column(name="name_la", type="text", title_zh="拉丁名", title_en="Latin name", needed=True),
        Column(name="other_names", type="text", title_zh="其他名称", title_en="Other names", description="| between names"),
    ),
)  # fmt: skip


@lru_cache(maxsize=1)
def _names() -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Key by any name, and Chinese and Latin name by key."""
    keys: dict[str, str] = {}
    shown: dict[str, tuple[str, str]] = {}
    for row in SPECIES.read(Path(__file__).with_name("species.csv")).to_dict("records"):
        shown[row["key"]] = row["name_zh"], row["name_la"]
        for name in (row["key"], row["name_zh"], row["name_la"], *(row["other_names"] or "").split("|")):
            if name:
                keys[name.casefold()] = row["key"]
    return keys, shown


def species_key(name: str) -> str:
    """The key of a species by any of its names; a name that is not known, as it stands.

    Examples
    --------
    >>> species_key("樟子松"), species_key("Caragana korshinskii")
    ('mongolian_pine', 'caragana_korshinskii')
    """
    return _names()[0].get(name.strip().casefold(), name.strip())


def species_name(key: str, language: Language) -> str:
    """The Chinese or Latin name of a key; the key itself where it is not known."""
    return _names()[1].get(key, (key, key))[0 if language == "zh" else 1]
