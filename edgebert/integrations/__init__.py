"""Adapters for frameworks that need torch, a module each."""
