"""The self-test of a device: samples stored in the bundle, recorded and compared."""
