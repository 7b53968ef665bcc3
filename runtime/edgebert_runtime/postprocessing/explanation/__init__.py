"""Which words an answer hangs on: differences of real answers to shortened texts."""
