"""Attention and token-wise operators rewritten so that padding is not computed."""
