"""The command that says whether the package is well."""

from __future__ import annotations

from gmmspeech.cli.group import command
from gmmspeech.cli.process import tell
from gmmspeech.errors import DataError, counted


@command("doctor")
def doctor() -> None:
    """Show what is installed and test it.

    Prints versions, compiled parts, BLAS and its threads, and optional parts. Then runs computations with known results
    for a few seconds. Include these lines in a bug report. The exit status is 1 if a result is wrong.
    """
    from gmmspeech.commands.doctor import checks, installed

    for name, found in installed():
        tell(f"{name}: {found}")
    wrong = 0
    for name, problem, seconds in checks():
        wrong += bool(problem)
        tell(f"check: {name}: {problem or 'right'} ({seconds:.2f} s)")
    if wrong:
        raise DataError(f"found {counted(wrong, 'check')} failed, expected none: install again, or report these lines")
