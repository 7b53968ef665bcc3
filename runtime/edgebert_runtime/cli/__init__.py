"""The `edgebert-run` command."""
