"""What calibration observes: texts, their encoded samples, statistics and ranges."""
