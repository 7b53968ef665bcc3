"""The graph as quantization reads and builds it: linear layers, nodes, clean-up."""
