"""Estimating: accuracy and area of maps, plots, and models of biomass from plots and rasters."""
