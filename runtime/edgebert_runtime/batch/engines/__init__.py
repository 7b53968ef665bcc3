"""Engines of others that run units: Ray and Spark, a module each, which alone needs its package."""
