"""Phone HMMs: model, graphs, Viterbi, training, adaptation."""
