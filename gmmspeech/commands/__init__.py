"""Functions behind the commands, from files to files."""
