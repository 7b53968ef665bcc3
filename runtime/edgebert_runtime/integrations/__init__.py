"""Adapters for other frameworks, a module each; the framework is needed by that module alone."""
