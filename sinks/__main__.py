"""``python -m sinks``."""

from sinks.cli import main

main()
