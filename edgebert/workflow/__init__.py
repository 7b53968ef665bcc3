"""The one-call path: open a source, export it, quantize it, verify it against torch."""
