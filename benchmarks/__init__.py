"""Measurements against peers, each system in a process of its own."""
