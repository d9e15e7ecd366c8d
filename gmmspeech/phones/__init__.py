"""Labeled speech: labels, phone sets, dictionaries, phone models, alignment and decoding."""
