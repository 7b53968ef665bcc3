"""Running many texts: micro-batches, threads, calls and their reports."""
