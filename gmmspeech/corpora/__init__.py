"""Corpora: fetched from their origins, or prepared from a copy; and synthetic voices."""
