"""Activity x factors: land-use matrix, stocks, removals, balance and summary. Pure: no files, no xarray, no dask."""
