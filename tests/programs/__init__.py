"""Programs as a user would write them from the documents alone; run by tests, read by pyright."""
