"""Scores to figures of merit."""
