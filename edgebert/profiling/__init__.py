"""Profiles of a variant: time by operator, by layer, and of the matrix products alone."""

from edgebert.profiling.measuring import profile
from edgebert.profiling.products import Product
from edgebert.profiling.report import ProfileReport
from edgebert.profiling.roofline import MatmulRate, isolated_rates

__all__ = ["MatmulRate", "Product", "ProfileReport", "isolated_rates", "profile"]
