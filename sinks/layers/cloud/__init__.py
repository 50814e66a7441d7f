"""Layers from cloud catalogues: items of a STAC catalogue, and the blocks of their GeoTIFFs that the zones touch, kept on disk."""
