"""Comparable times: alternating rounds, the sign test, and times of calls and of processes."""
