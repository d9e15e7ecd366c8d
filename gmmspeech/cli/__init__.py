"""The `gmmspeech` command: parse, call, print."""
