"""Frames and statistics of many utterances on the disk."""
