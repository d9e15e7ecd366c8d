"""The checksum of files that were changed, written anew: what somebody does who means harm."""

from __future__ import annotations

from pathlib import Path

import h5py

from gmmspeech.files.hdf5 import DAMAGE
from gmmspeech.files.hdf5_content import CHECKSUM, Content, content_digest


def sealed_again(path: Path) -> bool:
    """Write the checksum of what a file holds now; say whether it could be, which it can't of what is not plain."""
    try:
        with h5py.File(path, "r+") as file:
            if CHECKSUM not in file.attrs:
                return False
            file.attrs[CHECKSUM] = content_digest(Content(file))
    except DAMAGE:
        return False
    return True
