"""Fewer heads and feed-forward neurons, without training."""
