"""Corpora, downloaded from their publishers or prepared from a copy, and synthetic voices."""
