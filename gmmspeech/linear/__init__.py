"""Linear transforms that speaker and phone models share: LDA, MLLT, fMLLR."""
