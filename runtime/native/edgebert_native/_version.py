"""The version of this distribution, read by its build without importing anything."""

__version__ = "0.1.0"
