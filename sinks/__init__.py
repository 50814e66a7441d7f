"""How much carbon ecosystems hold and take up, per league.

Data flow one way: ``layers -> tabulate -> accounting -> assessment -> report``.
"""

__version__ = "0.1.0"
