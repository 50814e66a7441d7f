"""QGIS styles beside maps: the same colours wherever a map is opened."""

from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from aoi.table import replace_file
from sinks.layers.raster import rasterio
from sinks.report.land import MapRequest
from sinks.report.maps import map_title

STOCK_COLOURS = ("#ffffcc", "#c2e699", "#78c679", "#31a354", "#006837")
"""ColorBrewer YlGn, 5 classes: ordered in lightness, so that it survives grey print and colour blindness."""
CHANGE_COLOURS = ("#a6611a", "#dfc27d", "#f5f5f5", "#80cdc1", "#018571")
"""ColorBrewer BrBG, 5 classes, safe for colour-blind readers; brown is a loss."""
TAIL = 2.0
"""Per cent of cells at either end that share the end colours."""


def write_style(path: Path, request: MapRequest) -> None:
    """Write ``NAME.qml`` beside ``NAME.tif``."""
    stops = stops_of(path, diverging=request.year_from is not None)
    colours = CHANGE_COLOURS if request.year_from is not None else STOCK_COLOURS
    items = "\n".join(
        f'          <item alpha="255" value="{value:.6g}" label="{value:.3g}" color="{colour}"/>' for value, colour in zip(stops, colours, strict=True)
    )
    style = f"""<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.28">
  <layerTitle>{quoteattr(map_title(request, None))[1:-1]} [{request.unit}]</layerTitle>
  <pipe>
    <rasterrenderer type="singlebandpseudocolor" band="1" opacity="1" classificationMin="{stops[0]:.6g}" classificationMax="{stops[-1]:.6g}">
      <rastershader>
        <colorrampshader colorRampType="INTERPOLATED" classificationMode="1" clip="0">
{items}
        </colorrampshader>
      </rastershader>
    </rasterrenderer>
  </pipe>
</qgis>
"""
    replace_file(path.with_suffix(".qml"), style.encode("utf-8"))


def stops_of(path: Path, diverging: bool) -> list[float]:
    """Values of the colours: percentiles of the overview; for a change the same distance to either side of zero."""
    with rasterio.open(path) as dataset:
        shape = (min(dataset.height, 1024), min(dataset.width, 1024))
        sample = dataset.read(1, out_shape=shape, masked=True).compressed()
        values = sample[np.isfinite(sample)] * dataset.scales[0] + dataset.offsets[0]
    if not len(values):
        return [0.0, 1.0, 2.0, 3.0, 4.0]
    low, high = np.percentile(values, [TAIL, 100.0 - TAIL])
    if diverging:
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    if high <= low:
        high = low + 1.0
    return [float(value) for value in np.linspace(low, high, 5)]
