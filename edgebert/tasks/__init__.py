"""What a task is where models are built: one `BuildSpec` each, and the registry of them."""
