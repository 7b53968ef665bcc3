"""`BuildSpec`: what the build side needs of a task, and the registry of these."""
