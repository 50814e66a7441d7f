"""The shape of the house: imports point down, science is pure, no coefficient stands in code, every word exists in both languages."""

import ast
import csv
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

import aoi
from aoi.findings import finding_ids
from aoi.texts import catalogue
from sinks import tables
from sinks.tabulate import tile

ROOT = Path(aoi.__file__).resolve().parents[1]
PACKAGES = ("aoi", "sinks", "methodologies")
FLOORS_FOR_METHODOLOGIES = ("sinks.errors", "sinks.units", "sinks.tables", "sinks.factors", "sinks.equations", "sinks.uncertainty")
PURE = ("sinks/equations", "sinks/accounting", "sinks/uncertainty.py", "sinks/ecosystems")
OUTSIDE_WORLD = {
    "rasterio", "dask", "distributed", "xarray", "click", "logging", "geopandas", "pyogrio", "shapely", "pyproj", "os", "io", "pathlib",
    "tempfile", "shutil", "subprocess", "socket", "urllib", "requests", "random",
}  # fmt: skip
IN_ORDER = (
    ("sinks/equations", ("sinks.equations", "sinks.units")),
    ("sinks/factors", ("sinks.factors", "sinks.tables", "aoi")),
    ("sinks/layers", ("sinks.layers", "sinks.config", "sinks.presets", "sinks.tables", "sinks.units", "sinks.errors", "sinks.program", "aoi")),
    ("sinks/tabulate", ("sinks.tabulate", "sinks.layers", "sinks.config", "sinks.tables", "sinks.errors", "aoi")),
)
"""What a floor of ``sinks`` may import, lowest first."""


@lru_cache(maxsize=1)
def modules() -> dict[str, ast.Module]:
    """Every module of the packages, by path from the root."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def under(*places: str) -> list[str]:
    """Modules of folders or files."""
    return [path for path in modules() if any(path == place or path.startswith(f"{place}/") for place in places)]


def imports(node: ast.AST, path: str) -> Iterator[tuple[str, int]]:
    """Full names of what a piece of code imports, with their lines."""
    for one in ast.walk(node):
        if isinstance(one, ast.Import):
            yield from ((name.name, one.lineno) for name in one.names)
        elif isinstance(one, ast.ImportFrom):
            assert one.level == 0, f"{path}:{one.lineno}: a relative import"
            yield from ((f"{one.module}.{name.name}", one.lineno) for name in one.names)


def first_party(name: str) -> bool:
    """Is a name of one of our packages?"""
    return name.split(".")[0] in PACKAGES


def allowed(name: str, prefixes: tuple[str, ...]) -> bool:
    """Does a name lie under one of the prefixes?"""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


# -- imports -------------------------------------------------------------------------------------------------


def test_imports_point_down():
    """aoi < sinks < methodologies < sinks.cli: nothing imports what stands above it."""
    wrong = []
    for path in modules():
        for name, line in imports(modules()[path], path):
            top = name.split(".")[0]
            command_line = path in ("sinks/cli.py", "sinks/__main__.py") or path.startswith("sinks/commands/")
            if (path.startswith("aoi/") and top in ("sinks", "methodologies")) or (
                path.startswith("sinks/")
                and not command_line
                and (top == "methodologies" or allowed(name, ("sinks.cli", "sinks.commands")))
            ):
                wrong.append(f"{path}:{line} {name}")
            if path.startswith("methodologies/") and top == "sinks" and not allowed(name, FLOORS_FOR_METHODOLOGIES):
                wrong.append(f"{path}:{line} {name}")
    assert wrong == []


@pytest.mark.parametrize(("floor", "below"), IN_ORDER)
def test_floors_of_sinks_import_what_is_below(floor, below):
    """Equations know units alone; factors and layers nothing of the accounting; the pass nothing of carbon."""
    wrong = [
        f"{path}:{line} {name}"
        for path in under(floor)
        for name, line in imports(modules()[path], path)
        if first_party(name) and not allowed(name, below)
    ]
    assert wrong == []


def test_science_is_pure():
    """Equations, accounting, ecosystems and uncertainty: no files, no rasters, no dask, no command line, no logging."""
    wrong = [
        f"{path}:{line} {name}"
        for path in under(*PURE)
        for name, line in imports(modules()[path], path)
        if name.split(".")[0] in OUTSIDE_WORLD
        or allowed(name, ("sinks.layers", "sinks.tabulate", "sinks.pipeline", "sinks.setup", "sinks.report"))
    ]
    assert wrong == []


def test_science_opens_nothing():
    """No call of open, print or a path's read and write in the pure floors."""
    wrong = []
    for path in under(*PURE):
        for one in ast.walk(modules()[path]):
            if isinstance(one, ast.Call):
                name = one.func.id if isinstance(one.func, ast.Name) else getattr(one.func, "attr", "")
                if name in {"open", "print", "read_text", "read_bytes", "write_text", "write_bytes", "read_csv", "to_csv", "input"}:
                    wrong.append(f"{path}:{one.lineno} {name}")
    assert wrong == []


def test_no_first_party_import_hides_in_a_function():
    """A heavy third-party import may stand in a function; one of ours may not (the command line loads verbs by name)."""
    wrong = []
    for path in modules():
        for one in ast.walk(modules()[path]):
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                wrong += [f"{path}:{line} {name}" for name, line in imports(one, path) if first_party(name)]
    assert wrong == []


def test_modules_are_loaded_by_name_only_by_the_command_line():
    """``importlib.import_module`` stands in ``sinks/cli.py`` alone."""
    found = [path for path in modules() if "import_module" in ast.dump(modules()[path])]
    assert found == ["sinks/cli.py"]


def test_dask_is_used_in_one_place():
    """Through ``map_windows`` in ``sinks/layers/windows.py``, with the cluster beside it."""
    found = {path for path in modules() for name, _ in imports(modules()[path], path) if name.split(".")[0] in {"dask", "distributed"}}
    assert found == {"sinks/layers/windows.py", "sinks/layers/cluster.py"}


def test_rasters_have_one_opener():
    """``rasterio.open`` stands where inputs are guarded and where the program writes its own maps and demonstration, nowhere else."""
    found = set()
    for path in modules():
        for one in ast.walk(modules()[path]):
            called = isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr == "open"
            if called and isinstance(one.func.value, ast.Name) and one.func.value.id == "rasterio":
                found.add(path)
    assert found <= {
        "sinks/layers/raster.py",
        "sinks/layers/aligned_file.py",
        "sinks/report/maps.py",
        "sinks/report/styles.py",
        "sinks/report/quicklook.py",
        "sinks/demo/rasters.py",
        "sinks/demo/cut.py",
    }


def test_one_module_speaks_to_the_network():
    """http, ssl, sockets and what fetches by itself stand in ``sinks/layers/cloud/web.py`` alone; a lock asks for the name of its host."""
    speaks = ("http", "ssl", "socket", "ftplib", "smtplib", "urllib.request", "requests", "urllib3", "httpx", "aiohttp", "pystac_client", "fsspec")
    found = {path for path in modules() for name, _ in imports(modules()[path], path) if allowed(name, speaks)}
    assert found == {"sinks/layers/cloud/web.py", "sinks/provenance.py"}


def test_no_module_sets_up_logging():
    """Importing the program configures nothing; the journal of a run is a table of its own."""
    assert [path for path in modules() for name, _ in imports(modules()[path], path) if name.split(".")[0] == "logging"] == []


# -- numbers -------------------------------------------------------------------------------------------------

STRUCTURAL = {0.0, 1.0, 2.0, 0.5}
"""Numbers of arithmetic, not of a study."""
ARITHMETIC = {
    "sinks/equations/bins.py": {6.0, 8.0},
    "sinks/equations/grassland.py": {3.0},
    "sinks/accounting/bin_bounds.py": {6.0},
    "sinks/equations/error_propagation.py": {100.0, 0.01},
    "sinks/equations/regression.py": {0.975},
    "sinks/equations/spatial.py": {0.001},
    "sinks/accounting/intervals.py": {10.0, 0.025, 0.975},
    "sinks/accounting/uncertainty_tables.py": {100.0},
}
"""Taylor's series: 3! = 6, and the p - 3 of a third derivative; per cent; the ends of a 95 % interval; what counts as nothing."""


def literals(tree: ast.Module) -> Iterator[tuple[float, int]]:
    """The float literals of a module, without those of docstrings (which are texts)."""
    for one in ast.walk(tree):
        if isinstance(one, ast.Constant) and type(one.value) is float:
            yield one.value, one.lineno


def is_tolerance(value: float) -> bool:
    """A whole power of ten below 1e-5: how near is near, not how much carbon."""
    return 0 < value < 1e-5 and f"{value:e}".startswith("1.000000e-")


@pytest.mark.parametrize("place", ["sinks/equations", "sinks/ecosystems", "sinks/accounting", "methodologies/tools"])
def test_no_coefficient_in_code(place):
    """A coefficient is a row of the factor tables with its source; the floors of science hold none."""
    wrong = [
        f"{path}:{line} {value:g}"
        for path in under(place)
        for value, line in literals(modules()[path])
        if abs(value) not in STRUCTURAL | ARITHMETIC.get(path, set()) and not is_tolerance(abs(value))
    ]
    assert wrong == []


@pytest.mark.parametrize("place", ["sinks/equations", "sinks/ecosystems"])
def test_no_coefficient_as_a_whole_number(place):
    """Whole numbers in the science are small: places, axes, powers."""
    wrong = [
        f"{path}:{one.lineno} {one.value}"
        for path in under(place)
        for one in ast.walk(modules()[path])
        if isinstance(one, ast.Constant) and type(one.value) is int and abs(one.value) > 3
    ]
    assert wrong == []


def test_sums_are_double():
    """No array of single precision is made or summed in the pass or the accounting (FAULTS X10); stored cells may be read as such."""
    wrong = [
        path
        for path in under("sinks/tabulate", "sinks/accounting", "sinks/equations")
        if re.search(r"(zeros|empty|full|ones|array|astype|sum|dtype=)\(?[^)\n]*(float32|[\"']<?f4[\"'])", (ROOT / path).read_text())
    ]
    assert wrong == []


def test_carbon_is_not_in_the_lowest_floor():
    """``aoi`` knows where, nothing of how much."""
    words = re.compile(r"\b(carbon|biomass|tC|co2|forest|grassland|wetland)\b", re.IGNORECASE)
    wrong = []
    for path in under("aoi"):
        for one in ast.walk(modules()[path]):
            name = getattr(one, "id", getattr(one, "name", getattr(one, "arg", "")))
            if isinstance(name, str) and words.search(name):
                wrong.append(f"{path}: {name}")
    assert wrong == []


# -- words ---------------------------------------------------------------------------------------------------


def constants(tree: ast.AST) -> set[str]:
    """All text literals of a module."""
    return {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def ids_in_code() -> set[str]:
    """Ids of findings that stand in the code."""
    pattern = re.compile(r"[EWN]-[A-Z]+-\d\d")
    return {text for path in modules() for text in constants(modules()[path]) if pattern.fullmatch(text)}


def test_every_finding_has_its_four_texts_in_both_languages():
    """What it is, what was found, what was expected, what to do."""
    missing = []
    for id in sorted(ids_in_code()):
        for part in ("", ".found", ".expected", ".remedy"):
            texts = catalogue().get(f"{id}{part}", {})
            missing += [f"{id}{part} {language}" for language in ("zh", "en") if not texts.get(language, "").strip()]
    assert missing == []


def test_every_finding_of_the_catalogue_is_used():
    """No text of a finding that nothing finds."""
    assert sorted(set(finding_ids()) - ids_in_code()) == []


def test_fields_of_a_finding_are_the_same_in_both_languages():
    """A field that one language names the other names too; a name stands in the language of its text."""
    fields = {
        key: [sorted({one.removesuffix(f"_{language}") for one in re.findall(r"{(\w+)", texts[language])}) for language in ("zh", "en")]
        for key, texts in catalogue().items()
    }
    assert {key: both for key, both in fields.items() if both[0] != both[1]} == {}


def text_keys() -> Iterator[tuple[str, str]]:
    """Keys that are asked for by ``text("...")``; a key put together from parts is a pattern."""
    for path in modules():
        for one in ast.walk(modules()[path]):
            if isinstance(one, ast.Call) and getattr(one.func, "id", getattr(one.func, "attr", "")) == "text" and one.args:
                for key in key_patterns(one.args[0]):
                    yield key, f"{path}:{one.lineno}"


def key_patterns(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.escape(node.value)
    elif isinstance(node, ast.IfExp):
        yield from key_patterns(node.body)
        yield from key_patterns(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in node.values)


def test_every_text_that_is_asked_for_exists():
    """``text("key")`` finds its key; one that is put together finds at least one."""
    known = catalogue()
    missing = [f"{place} {key}" for key, place in text_keys() if not any(re.fullmatch(key, one) for one in known)]
    assert missing == []


def test_every_text_is_in_both_languages():
    """No half of a pair is empty."""
    assert [key for key, texts in catalogue().items() if not texts["zh"].strip() or not texts["en"].strip()] == []


def test_every_reason_has_words():
    """Reasons of values that are missing or left out, as the accounting writes them, are keys of the catalogue."""
    pattern = re.compile(r"[a-z]+(_[a-z0-9]+)+")
    asked = set()
    for path in under("sinks/accounting"):
        for one in ast.walk(modules()[path]):
            if isinstance(one, ast.keyword) and one.arg == "reason":
                asked |= {text for text in constants(one.value) if pattern.fullmatch(text)}
            if isinstance(one, ast.Call) and getattr(one.func, "id", "") == "memo":
                asked |= {text for text in constants(one) if pattern.fullmatch(text)}
    assert len(asked) > 5
    assert sorted(f"reason.{key}" for key in asked if f"reason.{key}" not in catalogue()) == []


def test_names_of_vocabularies_have_words():
    """Ecosystems, pools and land classes are printed in both languages."""
    for pool in tables.POOLS:
        assert f"pool.{pool}" in catalogue()
    with (ROOT / "sinks/legends/land_classes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["land_class"] for row in rows} == set(tables.LAND_CLASSES)
    assert all(row["name_zh"] and row["name_en"] for row in rows)


@pytest.mark.parametrize("table", tables.OUTPUT_TABLES, ids=lambda table: table.name)
def test_columns_of_tables_are_declared_in_both_languages(table):
    """Titles in Chinese and English, a unit where a number has one, the unit at the end of the name."""
    assert table.title_zh
    assert table.title_en
    for column in table.columns:
        assert column.title_en, column.name
        assert re.search(r"[\u4e00-\u9fff]", column.title_zh), column.name
        if column.name.endswith("_ha"):
            assert column.unit == "ha"
        if column.name.endswith("_tC"):
            assert column.unit == "t C"


def test_every_table_that_is_written_is_declared():
    """Sums of the pass and columns of the activity tables are the same words."""
    assert set(tile.YEAR_SUMS) <= set(tables.ACTIVITY_YEAR.names)
    assert set(tile.PAIR_SUMS) <= set(tables.ACTIVITY_PAIR.names)
    assert len({table.name for table in tables.OUTPUT_TABLES}) == len(tables.OUTPUT_TABLES)


# -- files ---------------------------------------------------------------------------------------------------


def test_no_folder_of_tests_hides_a_package():
    """A folder under ``tests`` named like a package would be imported instead of it."""
    assert [path for path in (Path(__file__).parent).rglob("*") if path.is_dir() and path.name in PACKAGES] == []


def test_modules_say_what_they_are():
    """Every module and every public function and class has a docstring."""
    bare = []
    for path, tree in modules().items():
        if not ast.get_docstring(tree):
            bare.append(path)
        for one in tree.body:
            named = isinstance(one, ast.FunctionDef | ast.ClassDef) and not one.name.startswith("_")
            if named and not ast.get_docstring(one):
                bare.append(f"{path}: {one.name}")
    assert bare == []


# -- each of these laws seen failing --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code", "law"),
    [
        ("aoi/bad.py", "from sinks.units import C_TO_CO2", test_imports_point_down),
        ("sinks/accounting/bad.py", "import sinks.cli", test_imports_point_down),
        ("methodologies/bad.py", "from sinks.pipeline import account", test_imports_point_down),
        ("sinks/accounting/bad.py", "import rasterio", test_science_is_pure),
        ("sinks/ecosystems/bad.py", "from sinks.layers.layer import Layer", test_science_is_pure),
        ("sinks/equations/bad.py", "open('x')", test_science_opens_nothing),
        ("sinks/explain.py", "def f():\n    from sinks.units import C_TO_CO2", test_no_first_party_import_hides_in_a_function),
        ("sinks/tabulate/bad.py", "def f():\n    import dask.array", test_dask_is_used_in_one_place),
        ("sinks/setup.py", "import rasterio\nrasterio.open('x')", test_rasters_have_one_opener),
        ("sinks/setup.py", "import logging", test_no_module_sets_up_logging),
        ("sinks/setup.py", "finding('E-NONE-01', '')", test_every_finding_has_its_four_texts_in_both_languages),
        ("sinks/setup.py", "text('no.such.key')", test_every_text_that_is_asked_for_exists),
        ("aoi/bad.py", "carbon = 1", test_carbon_is_not_in_the_lowest_floor),
        ("aoi/bad.py", "def f(): pass", test_modules_say_what_they_are),
    ],
)
def test_a_planted_fault_is_seen(monkeypatch, path, code, law):
    """The law reports a module that breaks it."""
    planted = {**modules(), path: ast.parse(code)}
    monkeypatch.setitem(globals(), "modules", lambda: planted)
    with pytest.raises(AssertionError):
        law()


@pytest.mark.parametrize("code", ["CF = 0.47", "DF = -0.08", "X = [3.67]"])
def test_a_planted_coefficient_is_seen(monkeypatch, code):
    """A factor written into the science is found."""
    planted = {**modules(), "sinks/equations/bad.py": ast.parse(code)}
    monkeypatch.setitem(globals(), "modules", lambda: planted)
    with pytest.raises(AssertionError):
        test_no_coefficient_in_code("sinks/equations")


def test_shipped_methodologies_hold_no_coefficient():
    """Numbers of a shipped module stand in its parameters; what floats it has are limits of columns and rows of its examples."""
    wrong = []
    for path in under("methodologies/modules"):
        for one in modules()[path].body:
            if isinstance(one, ast.FunctionDef):
                wrong += [f"{path}:{line} {value:g}" for value, line in literals(ast.Module([one], [])) if abs(value) not in STRUCTURAL]
    assert wrong == []


def test_no_framework_for_spreadsheets_units_figures_or_learning_is_imported_early():
    """pint, openpyxl, XlsxWriter, python-docx, scikit-learn, skops and what draws are imported in functions: a module is listed without them."""
    late = {"pint", "openpyxl", "xlsxwriter", "docx", "sklearn", "skops", "matplotlib", "plotly", "fontTools", "xarray"}
    wrong = [
        f"{path}: {name}"
        for path, tree in modules().items()
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name, _ in imports(node, path)
        if name.split(".")[0] in late
    ]
    assert wrong == []
