"""From a folder to a model: which variant, which graph, and whether it runs here."""
