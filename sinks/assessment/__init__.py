"""From removal to offset: the ledger of units, the rule, the polygon account, the signed package and its reader."""
