"""Many requests and many rows: the server, and batches over a cluster."""
