"""One module per task: what turns the arrays of a graph into answers."""
