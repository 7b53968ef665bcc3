"""The graph kept as this machine runs it, with the settings that were measured for it."""
