"""Measurements against peers, each contender in a process of its own."""
