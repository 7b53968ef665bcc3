"""OpenVINO as ONNX Runtime's provider, in an environment that has no other ONNX Runtime."""
