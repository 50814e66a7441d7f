"""The pixel pass: every raster read once, tile by tile, down to activity tables."""
