"""The report as one page that needs nothing else: chapters of blocks, put into HTML by a template."""
