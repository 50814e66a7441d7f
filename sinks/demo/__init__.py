"""The demonstration: three real rasters of the region, a stated scenario around them, and the check of a run against its truth."""
