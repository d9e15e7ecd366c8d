"""``python -m gmmspeech``: the command line."""

from gmmspeech.cli.entry import run

if __name__ == "__main__":
    run()
