"""Files of Kaldi: archives and tables, models, trees, alignments."""
