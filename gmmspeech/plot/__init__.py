"""Pictures of scores, models and alignments."""
