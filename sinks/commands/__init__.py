"""The verbs of the command line, one module each; they compose the stages and hold no science."""
