"""What a quantized variant is measured by: similarity, accuracy on labelled data, and speed."""
