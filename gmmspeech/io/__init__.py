"""Everything that reads or writes a file, except audio."""
