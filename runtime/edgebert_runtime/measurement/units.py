"""Units of sizes."""

from typing import Final

MEBIBYTE: Final = 2**20
"""Bytes."""
