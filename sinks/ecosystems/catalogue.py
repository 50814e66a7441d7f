"""The ecosystems by name."""

from sinks.ecosystems.forest import FOREST
from sinks.ecosystems.grassland import GRASSLAND
from sinks.ecosystems.wetland import OTHER, WETLAND

ECOSYSTEM_RECORDS = {record.name: record for record in (FOREST, GRASSLAND, WETLAND, OTHER)}
INVENTORIED = ("forest", "grassland", "wetland")
"""The three ecosystems whose stock and removal the inventory reports."""
