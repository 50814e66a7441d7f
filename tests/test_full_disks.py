"""Disks that fill up for real under ``align`` and ``map`` (a run stands in test_bad_input_runs): said plainly, nothing broken, and it goes on.

The disks are small file systems in memory, mounted by a process for itself alone.
Where nobody may mount, a limit on the size of a file stands in for them.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from landscapes import ARBOR, CROPLAND, GRASS, Landscape, Lattice, Tiling, tiling_zones, write

ROOT = Path(__file__).resolve().parents[1]
LATTICE = Lattice(height=700, width=1100)

FILL = """
import json, os, subprocess, sys
from pathlib import Path
verb, run_file, *sizes = sys.argv[1:]
folder = Path(run_file).parent
disk = folder / "disk"
disk.mkdir(exist_ok=True)
environment = {**os.environ, "PYTHONPATH": os.getcwd(), "SINKS_LANG": "en"}
OPTIONS = {"align": ["-o"], "map": ["--year", "2023", "--pool", "aboveground_biomass", "-o"]}
def sinks(place):
    options = [run_file, *OPTIONS[verb], str(folder / place / ("map.tif" if verb == "map" else ""))]
    command = [sys.executable, "-m", "sinks", verb, *options, "--json", "--threads", "1"]
    return subprocess.run(command, env=environment, capture_output=True, text=True)
def whole(place):
    return {path.name: path.read_bytes().hex() for path in sorted((folder / place).rglob("*")) if path.is_file() and path.suffix in (".tif", ".csv", ".toml")
            and not path.name.startswith(".") and "partials" not in path.parts}
(folder / "quiet").mkdir()
done = sinks("quiet")
assert done.returncode == 0, done.stderr
quiet, told = whole("quiet"), {}
for size in sizes:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], check=True)
    full = sinks("disk")
    ids = [one["id"] for one in json.loads(full.stdout or '{"findings": []}')["findings"]]
    torn = [name for name, content in whole("disk").items() if content != quiet[name]]
    kept = len(whole("disk"))
    begun = [path.name for path in disk.rglob(".*") if path.name.endswith((".new", ".tif"))]
    subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
    again = sinks("disk")
    told[size] = {"code": full.returncode, "ids": ids, "torn": torn, "kept": kept, "begun": begun, "stderr": full.stderr[-1500:],
                  "folder_told": str(folder) in full.stdout + full.stderr, "again": again.returncode, "same": whole("disk") == quiet}
    subprocess.run(["umount", "-l", str(disk)], check=True)
print(json.dumps(told))
"""


def described(lattice: Lattice, folder: Path) -> Path:
    """Two dates of land cover, and biomass that hardly packs."""
    drawn = np.random.default_rng(9)
    shape = -(-lattice.height // 10), lattice.width // 10
    land = {year: np.kron(drawn.choice([CROPLAND, ARBOR, GRASS], size=shape), np.ones((10, 10), dtype=np.uint8)) for year in (2020, 2023)}
    layers = {"aboveground_biomass": {year: 90.0 * drawn.random(lattice.shape) for year in land}}
    landscape = Landscape(lattice=lattice, land=land, layers=layers, zones=tiling_zones(lattice, 2), base_year=False)
    return write(landscape, folder, Tiling(block=512))


@pytest.fixture(scope="module")
def run_file(tmp_path_factory) -> Path:
    """A run over six tiles."""
    return described(LATTICE, tmp_path_factory.mktemp("disks"))


def filled(verb: str, run_file: Path, *sizes: str) -> dict:
    """What a verb says on disks of several sizes, and after there is room."""
    command = ["unshare", "--mount", sys.executable, "-c", FILL, verb, str(run_file), *sizes]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare here: the limit on the size of a file stands in for it")
    if any(word in done.stderr for word in ("unshare failed", "not permitted", "superuser")):
        pytest.skip("only a user who may mount can fill a disk; the limit on the size of a file stands in for it")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(told: dict) -> None:
    """Exit 3 with the finding, nothing torn or begun, no place on the machine told, and the same bytes after there is room."""
    assert (told["code"], told["ids"]) == (3, ["E-RUN-03"]), told
    assert (told["torn"], told["begun"], told["folder_told"]) == ([], [], False), told
    assert "Traceback" not in told["stderr"]
    assert (told["again"], told["same"]) == (0, True), told


def copied(run_file: Path, folder: Path) -> Path:
    """The run in a folder of its own, so that tests do not meet."""
    folder.mkdir()
    for path in run_file.parent.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    return folder / run_file.name


@pytest.mark.parametrize(
    ("size", "kept"), [("600k", 2), pytest.param("8k", 0, marks=pytest.mark.long), pytest.param("2200k", 2, marks=pytest.mark.long)]
)
def test_align_on_a_disk_that_fills_up(run_file, tmp_path, size, kept):
    """At the start, amid the tiles of a file, and while the whole of it is written in order; finished files are kept."""
    told = filled("align", copied(run_file, tmp_path / "run"), size)[size]
    check(told)
    assert told["kept"] == kept


@pytest.mark.parametrize("size", ["64k", pytest.param("8k", marks=pytest.mark.long)])
def test_a_map_on_a_disk_that_fills_up(tmp_path, size):
    """Amid its tiles, and while the whole of it is written: no map under its name until all of it is there."""
    told = filled("map", described(Lattice(height=260, width=520), tmp_path), size)[size]
    check(told)
    assert told["kept"] == 0


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
from sinks.cli import main
main(sys.argv[2:])
"""


@pytest.mark.parametrize("limit", [300_000, pytest.param(100, marks=pytest.mark.long)])
def test_align_where_a_file_may_not_grow(run_file, tmp_path, limit):
    """The same where nobody may mount."""
    command = [sys.executable, "-c", LIMITED, str(limit), "--lang", "en", "align", str(run_file), "-o", str(tmp_path / "aligned"), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert [one["id"] for one in json.loads(done.stdout)["findings"]] == ["E-RUN-03"]
    assert "Traceback" not in done.stderr
    assert {path.name for path in (tmp_path / "aligned").glob("*.tif")} <= {"land_cover_2020.tif", "land_cover_2023.tif"}
    assert not list((tmp_path / "aligned").glob(".*.new"))
    again = subprocess.run([*command[:2], LIMITED, str(1 << 30), *command[4:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "aligned" / "aligned.toml").exists()
