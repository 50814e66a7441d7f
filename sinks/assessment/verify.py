"""The check of a package: that of the reader, with the signature by an independent library, and its findings in our words."""

from pathlib import Path

from aoi.findings import Finding, finding
from sinks.assessment.reader import Checked, Found, check
from sinks.assessment.signer import verified_by_library

OF_THE_READER = (
    "E-PKG-01", "E-PKG-02", "E-PKG-03", "E-PKG-04", "E-PKG-05", "E-PKG-06", "E-PKG-07", "E-PKG-10", "E-PKG-11", "E-PKG-12", "E-PKG-13",
    "E-PKG-14", "E-PKG-15", "E-PKG-16", "E-PKG-20", "E-PKG-21", "E-PKG-22", "E-PKG-23", "E-PKG-24", "E-PKG-25", "E-PKG-26", "E-PKG-27",
    "E-PKG-28", "E-PKG-29", "E-PKG-30", "E-PKG-31", "E-PKG-32", "E-PKG-33", "E-PKG-34", "E-PKG-35", "E-PKG-36", "E-PKG-37", "E-PKG-38",
    "E-PKG-39", "E-PKG-40", "E-PKG-41", "E-PKG-42", "E-PKG-43", "E-PKG-44", "E-PKG-50", "E-PKG-51", "E-PKG-52", "E-PKG-53", "E-PKG-55",
)  # fmt: skip
"""Findings of the reader; each has its words in the catalogue as well."""


def verify(bundle: Path, public: bytes) -> tuple[Checked, list[Finding]]:
    """A bundle with everything that is wrong with it, as the reader finds it, the signature checked by the library `cryptography`."""
    checked = check(bundle, public, verified_by_library)
    return checked, [finding_of(one) for one in checked.found]


def finding_of(one: Found) -> Finding:
    """A finding of the reader in the words of the catalogue."""
    return finding(one.id, one.where, found=one.found or "-", expected=one.expected or "-")
