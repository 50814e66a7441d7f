"""Forest, grassland and wetland: each a record of its pools and of the ways their carbon can be known."""
