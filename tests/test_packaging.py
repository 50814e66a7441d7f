"""What is shipped: the wheel holds exactly the three packages and their data; nothing names an index or a machine."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]


def test_wheel_holds_the_packages_and_their_data(tmp_path: Path) -> None:
    """Every tracked file of the packages is in the wheel, and nothing else but metadata."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=TOP, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tops = {name.split("/")[0] for name in names}
    assert tops == {"aoi", "sinks", "methodologies"}
    wanted = {
        path.relative_to(TOP).as_posix()
        for package in tops
        for path in (TOP / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == wanted


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-bench.txt"])
def test_requirements_name_no_index(name: str) -> None:
    """The lock file has hashes and no address."""
    text = (TOP / name).read_text(encoding="utf-8")
    assert "--hash=sha256:" in text
    assert not re.search(r"https?://|--index|--extra-index|--find-links|file:", text)


def test_the_benchmark_changes_no_version() -> None:
    """What the benchmark is pinned to is what a run is pinned to; it only adds."""
    pins = [
        set(re.findall(r"^([a-z0-9-]+==\S+)", (TOP / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("requirements.txt", "requirements-bench.txt")
    ]
    known = {pin.partition("==")[0] for pin in pins[0]}
    assert {pin for pin in pins[1] - pins[0] if pin.partition("==")[0] in known} == set()
    assert len(pins[1] & pins[0]) > 20


def test_help_answers_at_once() -> None:
    """``sinks --help`` imports neither numpy nor pandas."""
    code = "\n".join(
        [
            "import sys",
            "sys.argv = ['sinks', '--help']",
            "from sinks.cli import main",
            "try:",
            "    main()",
            "except SystemExit:",
            "    pass",
            "print(sorted({'numpy', 'pandas', 'rasterio', 'dask'} & set(sys.modules)))",
        ]
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, encoding="utf-8", check=True)
    assert found.stdout.strip().endswith("[]")
    for verb in ("demo", "check", "run", "explain", "map", "doctor"):
        assert verb in found.stdout
