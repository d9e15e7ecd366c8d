"""Mixtures of phones between known boundaries."""
