"""Training data: rows of files, checked and encoded, masked, and put in an order."""
