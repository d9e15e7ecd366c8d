"""Alignment and recognition with phone HMMs."""
