"""A mapping as TOML text; Python reads TOML but does not write it."""

import json
from collections.abc import Mapping
from typing import Any


def toml_text(config: Mapping[str, Any], head: str = "") -> str:
    """The sections of a configuration; keys without a value are left out.

    >>> print(toml_text({"run": {"years": [2020, 2023], "seed": None}, "layers": {"ndvi": {"file": "a.tif"}}}), end="")
    [run]
    years = [2020, 2023]
    [layers.ndvi]
    file = "a.tif"
    >>> print(toml_text({"maps": [{"pool": "litter", "year": 2023}]}), end="")
    maps = [{pool = "litter", year = 2023}]
    """
    plain = {key: value for key, value in config.items() if not isinstance(value, Mapping) and value is not None}
    lines = [f"[{head}]\n"] if head and plain else []
    lines += [f"{_key(key)} = {_value(value)}\n" for key, value in plain.items()]
    for key, value in config.items():
        if isinstance(value, Mapping):
            lines.append(toml_text(value, f"{head}.{_key(key)}" if head else _key(key)))
    return "".join(lines)


def _key(text: str) -> str:
    bare = text.isascii() and text.replace("_", "").replace("-", "").isalnum()
    return text if bare else _quoted(text)


def _quoted(text: str) -> str:
    """A basic string of TOML: what JSON escapes, TOML escapes the same way; DEL besides."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items() if one is not None) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return repr(value)
