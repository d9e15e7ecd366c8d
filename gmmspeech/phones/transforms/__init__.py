"""Linear transforms of frames learned from additive statistics: LDA, MLLT and fMLLR, and how they are applied."""
