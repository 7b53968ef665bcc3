"""Damaged files and odd arguments: every outcome is an answer or an error of ours."""
