"""A student of fewer layers, or another model, that learns to answer as its teacher does."""
