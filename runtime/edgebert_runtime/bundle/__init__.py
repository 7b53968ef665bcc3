"""The bundle format: manifest, paths, integrity of its files, and how one is written whole."""
