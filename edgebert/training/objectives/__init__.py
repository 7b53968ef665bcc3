"""What each task trains: batches, losses, predictions and how these are judged."""
