"""The graph: traced from torch, and built into what a target runs."""
