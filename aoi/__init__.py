"""Areas of interest: where something is measured.

The lowest floor of the house. It holds grids, zones, leagues and parcels, and
with them what every floor needs: findings, the text catalogue and the
declaration of tables. It knows nothing of carbon.
"""
