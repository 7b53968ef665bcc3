"""Measurements against peers; each contender in a process, and where needed an environment, of its own."""
