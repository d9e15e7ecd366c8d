"""Files that are whole or not there: atomic writes, HDF5, saved models, checkpoints."""
