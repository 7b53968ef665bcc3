"""The benchmark of a device: measured, ranked, compared and stored."""
