"""What a process says of itself: wall, CPU time and bytes read between two moments."""

import json
import os
import time
from pathlib import Path
from typing import Any


class Clock:
    """Runs from its making; CPU time counts this process and children that ended."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), _cpu(), bytes_read()

    def figures(self, **more: Any) -> dict[str, Any]:
        """Seconds and bytes since the start."""
        wall, cpu, read = self._start
        return {"wall_s": time.perf_counter() - wall, "cpu_s": _cpu() - cpu, "read_bytes": bytes_read() - read, **more}


def say(figures: dict[str, Any]) -> None:
    """Print figures as the last line of the output, where the measurement finds them."""
    print(json.dumps(figures))


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def bytes_read() -> int:
    """Bytes that this process asked the system for so far, from the disk or its cache; 0 where the system does not tell."""
    path = Path("/proc/self/io")
    if not path.exists():
        return 0
    return int(path.read_text(encoding="ascii").split("rchar:")[1].split()[0])
