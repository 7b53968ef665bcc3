"""How weights become integers: grids, rounding, outlier channels, SmoothQuant, GPTQ."""
