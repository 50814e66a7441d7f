"""Methodologies: by which rule a project is quantified.

A module is one file with one constant; it may use ``aoi`` and the lower floors
of ``sinks`` (errors, units, tables, factors, equations, uncertainty).
"""
