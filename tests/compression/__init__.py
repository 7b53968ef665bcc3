"""Smaller models, compared with those they were made of."""
