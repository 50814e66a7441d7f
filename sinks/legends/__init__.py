"""Land-cover products, their legends, and the land classes and ecosystems they become."""
