"""The work of each command, from files to files."""
