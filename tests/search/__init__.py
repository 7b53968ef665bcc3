"""The search for a smaller model."""
