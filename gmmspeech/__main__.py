"""``python -m gmmspeech`` is the `gmmspeech` command."""

from gmmspeech.cli.entry import run

if __name__ == "__main__":
    run()
