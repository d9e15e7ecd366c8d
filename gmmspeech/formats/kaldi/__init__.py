"""Kaldi files: archives and tables, models, trees, alignments."""
