"""Texts to token ids: limits, offsets, sliding windows, chunks of huge texts."""
