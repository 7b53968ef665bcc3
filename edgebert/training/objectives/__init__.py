"""Objectives: batches, losses, predictions and metrics of each task."""
