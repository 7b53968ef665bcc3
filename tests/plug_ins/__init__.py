"""Providers as packages of their own, in an environment beside the engine."""
