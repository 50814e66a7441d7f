"""Settings in TOML: read, checked by a model of pydantic, and every error told as a finding."""

import tomllib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from aoi.findings import Finding, InputError, finding


class Section(BaseModel):
    """A section of a file of settings; a key that it does not name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """The mapping of a TOML text; what no parser takes in (too deep, a number too long) is no TOML either.

    Raises
    ------
    InputError
        ``E-CONF-01``: not TOML.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(finding("E-CONF-01", where, reason=str(error) or type(error).__name__)) from error


def finding_of(error: Any, where: str, rules: Mapping[str, str]) -> Finding:
    """A finding from an error of pydantic.

    Parameters
    ----------
    rules : mapping
        Id of the finding by the message of a ``ValueError`` that a validator raised.
    """
    place = f"{where}: {'.'.join(str(part) for part in error['loc'])}"
    message = str(error.get("ctx", {}).get("error", ""))
    if error["type"] == "missing":
        return finding("E-CONF-03", place)
    if error["type"] == "extra_forbidden":
        return finding("E-CONF-02", place, key=error["loc"][-1])
    if message.startswith("unknown_key:"):
        return finding("E-CONF-02", place, key=message.partition(":")[2])
    rule, _, key = message.partition(":")
    if rule in _WANTED:
        return finding("E-CONF-04", f"{place}.{key}", value=_short(error["input"][key]), reason=_WANTED[rule])
    if message in rules:
        return finding(rules[message], place)
    return finding("E-CONF-04", place, value=_short(error.get("input")), reason=_reason(error))


def _reason(error: Any) -> str:
    """What a key takes, in signs that need no language; else the words of pydantic."""
    context = error.get("ctx", {})
    if error["type"] == "literal_error":
        return str(context["expected"]).replace(" or ", ", ").replace(", ", " | ")
    kind = error["type"].partition("_")[0]
    if error["type"] in _BOUNDS:
        sign, name = _BOUNDS[error["type"]]
        return f"{sign} {context[name]}"
    return _KINDS.get(kind, str(error["msg"]))


_WANTED = {"year_value": "text | [text, ...]", "scale_zero": "!= 0", "band_undated": "integer"}
_BOUNDS = {
    "greater_than_equal": (">=", "ge"), "greater_than": (">", "gt"), "less_than_equal": ("<=", "le"), "less_than": ("<", "lt"),
    "string_pattern_mismatch": ("text", "pattern"), "too_short": ("n >=", "min_length"), "string_too_short": ("n >=", "min_length"),
}  # fmt: skip
_KINDS = {
    "int": "integer", "float": "number", "finite": "number", "string": "text", "bool": "true | false", "tuple": "[..., ...]",
    "dict": "[section]", "model": "[section]",
}  # fmt: skip


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
