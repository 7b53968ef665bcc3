"""The search for the smallest or fastest variant within a budget."""
