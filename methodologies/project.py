"""The file of a project: TOML, relative to itself; unknown keys are errors."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from aoi.findings import InputError
from aoi.settings import Section, finding_of, parse_toml
from aoi.table import decode
from methodologies.tables import DATE

Text = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")]
Line = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Day = Annotated[str, Field(pattern=f"^{DATE}$")]
Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z_.-]{1,64}$")]


class ProjectSection(Section):
    """Who, what, under which rule, since when."""

    id: Id
    title: Line
    methodology: Id
    start: Day
    crediting_start: Day
    crediting_end: Day
    owner: Line = ""
    programme: Line = "CCER"
    application: Day | None = None
    output: Annotated[str, Field(min_length=1)] = "out"
    invented: bool = False
    seed: int = Field(default=1, ge=0)
    draws: int = Field(default=10_000, ge=0, le=200_000)
    roots: tuple[str, ...] = ()


class PeriodSection(Section):
    """The monitoring period."""

    start: Day
    end: Day

    @model_validator(mode="after")
    def _in_order(self) -> "PeriodSection":
        if self.end <= self.start:
            raise ValueError("period_order")
        return self


class BoundarySection(Section):
    """The parcels: a vector file with a code and the stratum of each, unless an inventory run tells the strata."""

    file: Annotated[str, Field(min_length=1)]
    parcel: str = "parcel"
    stratum: str = "stratum"
    layer: str | None = None
    crs: str | None = None
    encoding: str | None = None
    strata_from: Literal["boundary", "inventory"] = "boundary"
    other_projects: tuple[str, ...] = ()
    other_parcel: str = "parcel"


class StatementSection(Section):
    """What the project states about a condition, and where the evidence is."""

    met: bool
    evidence: Text


class InventorySection(Section):
    """An inventory run whose densities fill the table ``inventory``."""

    run: Annotated[str, Field(min_length=1)]


class FileSection(Section):
    """A section that names one file."""

    file: Annotated[str, Field(min_length=1)]


class DocumentSection(Section):
    """Words for the documents that no table holds; what is left out is marked as to be written."""

    location: Text = ""
    technique: Text = ""
    ownership: Text = ""
    environment: Text = ""
    public_comments: Text = ""
    changes: Text = ""
    staff: Text = ""
    expected_tCO2e_per_year: float | None = Field(default=None, ge=0)


class Project(Section):
    """A whole project file."""

    project: ProjectSection
    period: PeriodSection
    boundary: BoundarySection
    tables: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    site: dict[str, Any] = Field(default_factory=dict)
    conditions: dict[str, StatementSection] = Field(default_factory=dict)
    parameters: FileSection | None = None
    inventory: InventorySection | None = None
    documents: DocumentSection = DocumentSection()

    @model_validator(mode="after")
    def _crediting_in_order(self) -> "Project":
        if self.project.crediting_end <= self.project.crediting_start:
            raise ValueError("crediting_order")
        return self


def read_project(path: Path) -> Project:
    """The project of a file, checked in itself.

    Raises
    ------
    InputError
        With every error of the file.
    """
    text, _ = decode(path, path.name)
    try:
        return Project.model_validate(parse_toml(text, path.name))
    except ValidationError as error:
        raise InputError([finding_of(one, path.name, _RULES) for one in error.errors()]) from error


_RULES = {"period_order": "E-QUANT-03", "crediting_order": "E-QUANT-04"}
