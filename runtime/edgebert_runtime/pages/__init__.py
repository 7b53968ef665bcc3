"""Measurements as a page: tables and charts in one file that needs no network."""
