"""Where a variant's time goes: per operator and per layer, against its matrix products alone."""

from edgebert.profiling.floors import BareRate, bare_rates
from edgebert.profiling.measuring import profile
from edgebert.profiling.products import Product
from edgebert.profiling.report import ProfileReport

__all__ = ["BareRate", "Product", "ProfileReport", "bare_rates", "profile"]
