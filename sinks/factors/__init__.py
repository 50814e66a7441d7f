"""Factor tables with their citations, and how a request finds its row."""
