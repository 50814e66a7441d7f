"""Templates: what is written can be filled in and read; nothing that is filled in is overwritten."""

import tomllib

import openpyxl
import pytest
from landscapes import ARBOR, GRASS, Landscape, Lattice, cells, write

from aoi.findings import InputError
from aoi.texts import LANGUAGES
from sinks.cli import main
from sinks.config import parse_config
from sinks.factors.table import FactorTable
from sinks.records import words_of
from sinks.setup import set_up
from sinks.tables import CONTROL_AREAS, EVENTS
from sinks.template import FILES, example, head_of, workbook, write_templates

LATTICE = Lattice(height=3, width=4)
TOP = 0


def landscape(**sections) -> Landscape:
    """Forest above steppe at two dates."""
    land = {year: cells(LATTICE, GRASS, (TOP, ARBOR)) for year in (2020, 2023)}
    strata = {"climate": cells(LATTICE, 2), "soil": cells(LATTICE, 1)}
    return Landscape(lattice=LATTICE, land=land, strata=strata, base_year=False, more=sections)


def filled(path, table, language, *rows):
    """Fill rows of words into the sheet of a template, as a person does."""
    path.write_bytes(workbook(table, language))
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    heads = [cell.value for cell in sheet[1]]
    assert heads == [head_of(column, language) for column in table.columns]
    for number, row in enumerate(rows, start=2):
        for place, column in enumerate(table.columns, start=1):
            sheet.cell(number, place, row.get(column.name))
    book.save(path)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_filled_workbook_is_read_as_the_codes_that_its_words_mean(tmp_path, language):
    """Every word that the lists offer is a code of its column; rows come back as they were meant."""

    def word(column: str, code: str) -> str:
        return next(word for word, meant in words_of(EVENTS, EVENTS.column(column), language).items() if meant == code)

    path = write(landscape(events={"file": "events.xlsx"}), tmp_path)
    row = {
        "zone": "Z1", "year": 2023, "ecosystem": word("ecosystem", "forest"), "land_class": word("land_class", "arbor_forest"),
        "stratum": word("stratum", "larch"), "component": word("component", "harvest"), "quantity": 12.5, "unit": "m3", "source": "yearbook",
    }  # fmt: skip
    filled(tmp_path / "events.xlsx", EVENTS, language, row)
    events = set_up(path).events
    assert events.loc[0, ["ecosystem", "land_class", "stratum", "component"]].tolist() == ["forest", "arbor_forest", "larch", "harvest"]
    assert events.loc[0, "quantity"] == 12.5


def test_every_list_of_a_workbook_offers_words_of_the_codes():
    for table in (EVENTS, CONTROL_AREAS):
        for language in LANGUAGES:
            for column in table.columns:
                words = words_of(table, column, language)
                assert set(words.values()) >= set(column.choices)
                assert len(words) == len(set(words.values()))


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_example_of_a_template_is_a_row_of_its_table(name):
    table = FILES[name]
    row = example(table, name)
    text = ",".join(table.names) + "\n" + ",".join(f'"{cell}"' for cell in row.values()) + "\n"
    frame, found = table.parse(text, name)
    assert [one.id for one in found] == []
    assert len(frame) == 1


def test_the_example_of_factors_can_be_used(tmp_path):
    table = FILES["factors"]
    row = {key: value for key, value in example(table, "factors").items() if value}
    (tmp_path / "own.csv").write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n", encoding="utf-8")
    assert "own.rate.typical_steppe" in FactorTable.shipped().with_overrides(tmp_path / "own.csv").overrides


def test_templates_are_written_once_and_the_run_file_is_one(tmp_path):
    names = write_templates(tmp_path / "new")
    config = parse_config(tomllib.loads((tmp_path / "new" / "run.toml").read_text(encoding="utf-8")), "run.toml")
    assert config.run.years == (2020, 2023)
    commented = (tmp_path / "new" / "run.toml").read_text(encoding="utf-8").replace("# [", "[")
    lines = [line[2:] if line.startswith("# ") and " = " in line and "base_year" not in line else line for line in commented.splitlines()]
    parse_config(tomllib.loads("\n".join(lines)), "run.toml")
    before = {name: (tmp_path / "new" / name).read_bytes() for name in names}
    (tmp_path / "new" / "events.csv").write_text("filled in", encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        main(["--lang", "zh", "template", str(tmp_path / "new")])
    assert left.value.code == 2
    assert (tmp_path / "new" / "events.csv").read_text(encoding="utf-8") == "filled in"
    assert write_templates(tmp_path / "other") == names
    assert {name: (tmp_path / "other" / name).read_bytes() for name in names} == before
    with pytest.raises(InputError) as caught:
        write_templates(tmp_path / "other")
    assert [one.id for one in caught.value.findings] == ["E-FORM-01"]
