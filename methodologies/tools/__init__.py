"""Equations that methodologies share: each once, with its source, traced, and safe for quantities with units.

Arrays have draws first and strata, plots or plants last.
"""
