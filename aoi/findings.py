"""What is wrong with an input: found, expected, where, and how to mend it.

A finding carries an id and values; its words stand in the text catalogue under
``ID`` (what is the matter), ``ID.found``, ``ID.expected`` and ``ID.remedy``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from aoi.texts import Language, catalogue, text

Severity = Literal["error", "warning", "note"]
_SEVERITY: dict[str, Severity] = {"E": "error", "W": "warning", "N": "note"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in the input of a user.

    Parameters
    ----------
    id : str
        ``E-``, ``W-`` or ``N-`` (error, warning, note), a subject and a number.
    where : str
        File, key, row or cell; never an absolute path.
    values : mapping
        The values that fill the fields of its texts.
    """

    id: str
    where: str
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """``error`` stops a run; ``warning`` and ``note`` are printed and kept."""
        return _SEVERITY[self.id[0]]

    def say(self, part: str = "", language: Language | None = None) -> str:
        """The words of one part: ``""`` (what is the matter), ``found``, ``expected``, ``remedy``."""
        return text(f"{self.id}.{part}" if part else self.id, language, **self.values)

    def as_dict(self, language: Language | None = None) -> dict[str, str]:
        """The finding for machines, with the keys of the public interface."""
        return {
            "id": self.id,
            "severity": self.severity,
            "where": self.where,
            "message": self.say("", language),
            "found": self.say("found", language),
            "expected": self.say("expected", language),
            "remedy": self.say("remedy", language),
        }

    def line(self, language: Language | None = None) -> str:
        """The finding for people, on one line: what, where, found, expected, do."""
        return " | ".join(
            (
                f"{self.id} {self.say('', language)}",
                self.where,
                text("finding.found", language, value=self.say("found", language)),
                text("finding.expected", language, value=self.say("expected", language)),
                text("finding.remedy", language, value=self.say("remedy", language)),
            )
        )


def finding(id: str, where: object, /, **values: object) -> Finding:
    """A finding with its values; a shorter way to write one."""
    return Finding(id, str(where), values)


class InputError(Exception):
    """Input that cannot be used: carries every finding, not only the first."""

    def __init__(self, findings: Iterable[Finding] | Finding) -> None:
        self.findings: list[Finding] = [findings] if isinstance(findings, Finding) else list(findings)
        super().__init__("\n".join(one.line() for one in self.findings))

    def __reduce__(self) -> tuple[type["InputError"], tuple[list[Finding]]]:
        return type(self), (self.findings,)


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those findings that stop a run."""
    return [one for one in findings if one.severity == "error"]


def stop_on_errors(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, if none of them is an error.

    Raises
    ------
    InputError
        With all findings, when at least one of them is an error.
    """
    found = list(findings)
    if errors(found):
        raise InputError(found)
    return found


def finding_ids() -> list[str]:
    """The ids of all findings that the catalogue knows."""
    return sorted({key for key in catalogue() if len(key) > 2 and key[1] == "-" and key[0] in _SEVERITY and "." not in key})
