"""Stages of the ladder: their names, and the places of what they make (the recipes' tests run them)."""

from pathlib import Path

from gmmspeech.commands import rungs
from gmmspeech.pipeline import Run


def test_rungs_have_places_of_their_own_but_tri2_is_in_the_model_of_tri3(tmp_path: Path) -> None:
    models = {rung: rungs.model_of(Run(tmp_path), "dev", rung).name for rung in rungs.RUNGS}
    assert models == {"monophone": "hmm-dev.h5", "tri1": "tri1-dev.h5", "tri2": "tri3-dev.h5", "tri3": "tri3-dev.h5"}
    found = {rungs.recognized_at(tmp_path, "dev", rung) for rung in rungs.RUNGS}
    assert len(found) == len({rungs.aligned_at(tmp_path, "dev", rung) for rung in rungs.RUNGS}) == 4
    assert rungs.step_of("align", "dev", "monophone") == "align-dev"
    assert rungs.step_of("align", "dev", "tri2") == "align-dev-tri2"
