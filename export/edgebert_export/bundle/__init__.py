"""Bundles as export writes them: graphs, manifest and model card."""
