"""Finding methodologies: those that come with the program, and those of installed packages.

An installed package names its module by an entry point of the group ``methodologies``
whose name is the id. A plug-in is code with the rights of the user; nothing is loaded
from the folder of a project or the current folder, nothing registers itself by being
imported, and distribution, version and hash of what was loaded are recorded.
"""

import hashlib
import inspect
import pkgutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from aoi.findings import Finding, InputError, errors, finding
from methodologies import modules
from methodologies.checks import check_module
from methodologies.contract import GROUP, Methodology
from methodologies.parameters import ParameterTable

SHIPPED = "nmg-ecosystem-sinks"
"""The distribution of the modules that come with the program."""

CONSTANT = "METHODOLOGY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A module that says it is a methodology, not loaded yet."""

    id: str
    entry_point: metadata.EntryPoint
    distribution: str
    version: str
    shipped: bool

    @property
    def where(self) -> str:
        """The module and the distribution that it comes from."""
        return f"{self.entry_point.value} ({self.distribution} {self.version})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A methodology that keeps the contract, and where it came from."""

    methodology: Methodology
    parameters: ParameterTable
    distribution: str
    version: str
    sha256: str
    shipped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What discovery gave: loaded modules by id, and why others were refused."""

    loaded: dict[str, Loaded]
    refused: dict[str, list[Finding]]


def candidates(plugins: bool = True, project_folder: Path | None = None) -> tuple[list[Candidate], list[Finding]]:
    """All modules that could be loaded, without importing one, and findings about ids that two of them claim.

    Parameters
    ----------
    plugins : bool
        Look at installed packages too.
    project_folder : Path, optional
        Packages that lie in this folder, or in the current one, are passed over with a warning.
    """
    found = _shipped()
    warnings: list[Finding] = []
    if plugins:
        installed, warnings = _installed(project_folder)
        found += installed
    owners: dict[str, list[Candidate]] = {}
    for one in found:
        owners.setdefault(one.id, []).append(one)
    kept = []
    for id, claims in sorted(owners.items()):
        shipped = [one for one in claims if one.shipped]
        kept += shipped or (claims if len(claims) == 1 else [])
        if len(claims) > 1:
            warnings.append(finding("E-METHOD-04", id, id=id, owners="; ".join(one.where for one in claims)))
    return kept, warnings


def discover(plugins: bool = True, project_folder: Path | None = None, only: Iterable[str] | None = None) -> Found:
    """Load what can be found; a module that breaks the contract stands among the refused, with every reason.

    Parameters
    ----------
    only : iterable of str, optional
        Ids to load; all by default.
    """
    kept, clashes = candidates(plugins, project_folder)
    wanted = None if only is None else set(only)
    loaded: dict[str, Loaded] = {}
    refused: dict[str, list[Finding]] = {}
    for one in clashes:
        refused.setdefault(one.where, []).append(one)
    for candidate in kept:
        if wanted is None or candidate.id in wanted:
            module, found = load(candidate)
            if module is None:
                refused[candidate.where] = found
            else:
                loaded[candidate.id] = module
    return Found(loaded=loaded, refused=refused)


def find(id: str, plugins: bool = True, project_folder: Path | None = None) -> Loaded:
    """The methodology of an id.

    Raises
    ------
    InputError
        No such methodology, two of them, or one that breaks the contract.
    """
    found = discover(plugins, project_folder, only=[id])
    if id in found.loaded:
        return found.loaded[id]
    kept, clashes = candidates(plugins, project_folder)
    reasons = [
        one
        for findings in found.refused.values()
        for one in findings
        if errors([one]) and (one.id != "E-METHOD-04" or one.values.get("id") == id)
    ]
    if reasons:
        raise InputError(reasons)
    raise InputError(
        [finding("E-METHOD-16", id, id=id, known=", ".join(one.id for one in kept)), *[one for one in clashes if one.severity == "warning"]]
    )


def load(candidate: Candidate) -> tuple[Loaded | None, list[Finding]]:
    """Import a module and check it; none with the findings where it is refused."""
    try:
        module = candidate.entry_point.load()
    except (Exception, SystemExit) as error:
        return None, [finding("E-METHOD-01", candidate.where, error=f"{type(error).__name__}: {error}")]
    checked, found = check_module(module, candidate.where)
    if checked is not None and checked.methodology.id != candidate.id:
        found.append(finding("E-METHOD-21", candidate.where, name=candidate.id, id=checked.methodology.id))
    if checked is None or errors(found):
        return None, found
    return Loaded(
        methodology=checked.methodology, parameters=checked.parameters, distribution=candidate.distribution, version=candidate.version,
        sha256=module_hash(checked.methodology), shipped=candidate.shipped,
    ), found  # fmt: skip


def load_file(path: Path) -> tuple[Loaded | None, list[Finding]]:
    """A module of a file that an author asks to have checked; it is executed.

    Raises
    ------
    InputError
        No such file.
    """
    if not path.is_file():
        raise InputError(finding("E-FILE-01", path.name))
    name = f"methodology_under_check_{path.stem}"
    spec = util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        return None, [finding("E-METHOD-01", path.name, error="not a Python file")]
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        return None, [finding("E-METHOD-01", path.name, error=f"{type(error).__name__}: {error}")]
    finally:
        sys.modules.pop(name, None)
    checked, found = check_module(getattr(module, CONSTANT, None), path.name)
    if checked is None:
        return None, found
    return Loaded(
        methodology=checked.methodology, parameters=checked.parameters, distribution=path.name, version="-",
        sha256=module_hash(checked.methodology), shipped=False,
    ), found  # fmt: skip


def module_hash(methodology: Methodology) -> str:
    """A hash of a module's file and of its parameters, line ends aside."""
    digest = hashlib.sha256()
    for path in (Path(inspect.getfile(methodology.quantify)), Path(methodology.parameters)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def _shipped() -> list[Candidate]:
    version = _version(SHIPPED)
    return [
        Candidate(
            id=one.name,
            distribution=SHIPPED,
            version=version,
            shipped=True,
            entry_point=metadata.EntryPoint(name=one.name, value=f"{modules.__name__}.{one.name}:{CONSTANT}", group=GROUP),
        )
        for one in sorted(pkgutil.iter_modules(modules.__path__), key=lambda one: one.name)
    ]


def _installed(project_folder: Path | None) -> tuple[list[Candidate], list[Finding]]:
    found, passed_over = [], []
    forbidden = {Path.cwd().resolve(), *([project_folder.resolve()] if project_folder is not None else [])}
    seen = set()
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"] or "?"
        entries = [one for one in distribution.entry_points if one.group == GROUP]
        if not entries or name.lower() in seen:
            continue
        seen.add(name.lower())
        if Path(str(distribution.locate_file(""))).resolve() in forbidden:
            passed_over.append(finding("W-METHOD-01", name, name=name, ids=", ".join(one.name for one in entries)))
            continue
        found += [
            Candidate(id=one.name, entry_point=one, distribution=name, version=distribution.version, shipped=False) for one in entries
        ]
    return found, passed_over


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "source"
