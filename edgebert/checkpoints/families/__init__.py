"""The model families: what each names its settings and weights, and the registry of them."""
