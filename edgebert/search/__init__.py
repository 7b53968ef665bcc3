"""The search for a smaller model: what was trimmed, pruned, distilled and quantized is measured."""
