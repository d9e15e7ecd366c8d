"""Phone mixtures for segments with known boundaries."""
