"""Which rows run next, and on which thread."""
