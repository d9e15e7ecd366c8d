"""Files that are complete or absent: atomic writes, HDF5, saved models, checkpoints."""
