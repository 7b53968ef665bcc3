"""The finished graph compared with torch."""
