"""Frames to statistics to model."""
