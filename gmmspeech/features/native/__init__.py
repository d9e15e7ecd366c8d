"""The compiled loops of the front end, and their NumPy twins."""
