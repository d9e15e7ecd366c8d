"""Named i-vectors and their files."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gmmspeech.arguments import check_fields, set_fields
from gmmspeech.checks import as_names
from gmmspeech.described import Described
from gmmspeech.errors import DataError, counted
from gmmspeech.files.saving import Saved
from gmmspeech.speaker.transforms import as_vectors


@dataclass(frozen=True, eq=False, repr=False)
class IVectors(Described, Saved, format="gmmspeech i-vectors", hint="i-vectors (made by extract-ivectors)"):
    """Named i-vectors.

    Parameters
    ----------
    names : sequence of str
        Utterances.
    vectors : array_like, shape (U, R), float64
    extractor_digest : str, optional
        Digest of the extractor that made them; see `IVectorExtractor.digest`.

    Raises
    ------
    DataError
        The number of names is not that of vectors, or a name is repeated.
    FeatureError
        Vectors that are not finite or not two-dimensional.

    Examples
    --------
    >>> import gmmspeech as gs
    >>> gs.speaker.IVectors(["u1", "u2"], [[0.5], [1.5]]).by_name()
    {'u1': array([0.5]), 'u2': array([1.5])}
    """

    names: tuple[str, ...] = field(metadata={"saved_as": "utterances"})
    vectors: NDArray[np.float64]
    extractor_digest: str | None = None

    def __post_init__(self) -> None:
        names_of = as_names(self.names, "IVectors: names")
        set_fields(self, names=tuple(names_of.ravel().tolist()), vectors=as_vectors(self.vectors))
        check_fields(self)
        names, count = len(set(self.names)), len(self.vectors)
        if len(self.names) != count or names != count:
            raise DataError(
                f"i-vectors: found {counted(count, 'vector')} and {names} different names, expected as many"
            )

    def by_name(self) -> dict[str, NDArray[np.float64]]:
        """Vector (R,) by utterance, for `average_sessions`."""
        return dict(zip(self.names, self.vectors, strict=True))

    def describe(self) -> list[str]:
        """Describe the object in a few lines."""
        return [
            f"i-vectors: {counted(len(self.names), 'utterance')}, {counted(self.vectors.shape[1], 'dimension')}",
            f"extractor: {(self.extractor_digest or 'unknown')[:12]}",
        ]
