"""Where rasters come from: guarded, checked, aligned and named; and the one function that walks them."""
