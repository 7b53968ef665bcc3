"""Variants on the oldest ONNX Runtime that they name and on the newest, each in an environment."""
