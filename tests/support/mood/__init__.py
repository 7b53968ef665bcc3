"""A task of another package: how sure a classifier is, and of what. No file of ours knows it."""
