"""Models and frames to scores."""
