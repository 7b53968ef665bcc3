"""Charts as SVG, with the standard library only."""
