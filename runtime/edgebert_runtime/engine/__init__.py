"""ONNX Runtime: sessions, providers and their errors, threads, CPU features, memory."""
