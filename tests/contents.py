"""What is in a folder, to see what changed there."""

from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of the files below a folder, by their paths in it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
