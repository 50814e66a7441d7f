"""A real Dask cluster of processes, started by hand as CLUSTER.md says it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import sinks.program

ROOT = Path(sinks.program.__file__).resolve().parents[1]


class Cluster:
    """A scheduler and workers, each a process that a test may kill."""

    def __init__(self, folder: Path, preload: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.workers: list[subprocess.Popen[bytes]] = []
        self._preload = folder / "preload.py"
        self._preload.write_text(preload, encoding="utf-8")
        self._file = folder / "scheduler.json"
        self.scheduler = self._started("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(self._file))
        deadline = time.monotonic() + 60
        while not self._file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.1)
        self.address = str(json.loads(self._file.read_text(encoding="utf-8"))["address"])

    def start(self, count: int = 1) -> "Cluster":
        """More workers of one thread; returns when they have begun to start."""
        for _ in range(count):
            more = ("--nworkers", "1", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--preload", str(self._preload))
            self.workers.append(self._started("worker", self.address, *more, "--local-directory", str(self.folder)))
        return self

    def _started(self, *arguments: str) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
        with (self.folder / "log.txt").open("ab") as told:
            return subprocess.Popen([sys.executable, "-m", "dask", *arguments], env=environment, cwd=self.folder, stdout=told, stderr=told)

    def kill(self, *workers: int) -> None:
        """SIGKILL to some workers at once."""
        for number in workers:
            self.workers[number].send_signal(signal.SIGKILL)
        for number in workers:
            self.workers[number].wait()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: Any) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
