"""Everything that makes networks: architectures, noise, training, export, evaluation.

Nothing here is imported by the page or the command line: `models/` is the only bridge.
"""
