"""Universal background models and speaker models."""
