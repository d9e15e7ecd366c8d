"""Compiled loops of the front end, and their NumPy equivalents."""
