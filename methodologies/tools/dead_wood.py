"""Dead wood and litter by default fractions: AR-TOOL12."""

from methodologies.contract import Array
from methodologies.trace import equation


@equation("C_DW", "tCO2e", "C_DW = C_TREE * DF_DW", "AR-TOOL12 v3.1")
def dead_wood_stock(tree_stock: Array, fraction: Array) -> Array:
    """Carbon of dead wood [tCO2e] as a share of that of trees; only where it is left in place.

    Examples
    --------
    >>> dead_wood_stock(1000.0, 0.08)
    80.0
    """
    return tree_stock * fraction


@equation("C_LI", "tCO2e", "C_LI = C_TREE * DF_LI", "AR-TOOL12 v3.1")
def litter_stock(tree_stock: Array, fraction: Array) -> Array:
    """Carbon of litter [tCO2e] as a share of that of trees; only where it is left in place.

    Examples
    --------
    >>> litter_stock(1000.0, 0.04)
    40.0
    """
    return tree_stock * fraction
