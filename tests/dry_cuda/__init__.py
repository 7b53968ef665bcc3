"""What ONNX Runtime for CUDA does with our graphs, where there is no GPU.

The real `onnxruntime-gpu` runs over libraries of CUDA that take memory, copy, and write down what
is launched, and compute nothing but sizes (`libraries/`). So a test sees where operators run, which
kernels they launch and how often, what goes up and down, what the host waits for, and what is
refused; it does not see a number. `.ci/dry-cuda` runs it, in the environment of that name.
"""
