"""The recipe that compares systems, on digits of six speakers with seven readers of English in the background."""

import json
from pathlib import Path

import numpy as np
import pytest
from systems import SYSTEMS

import gmmspeech as gs
from gmmspeech import pipeline


@pytest.fixture
def corpora(tmp_path: Path, corpus) -> Path:
    """Tiny corpora in the places of the large ones."""
    for name, part, tiny in (("librispeech-mini", "ubm", "librispeech-tiny"), ("fsdd", "verify", "fsdd-tiny")):
        folder = tmp_path / "corpora" / name
        (folder / "data").mkdir(parents=True)
        (folder / "audio").symlink_to(corpus(tiny) / "audio")
        for each in (part, "other"):
            (folder / "data" / each).symlink_to(corpus(tiny) / "data" / "all")
    return tmp_path / "corpora"


@pytest.mark.usefixtures("no_pictures")
def test_every_system_has_a_row_with_all_figures(corpora: Path, tmp_path: Path, recipe, capsys) -> None:
    out = tmp_path / "exp"
    sizes = ["--components", "4", "--rank", "4", "--top-n", "10", "--resamples", "20"]
    words = [str(word) for word in ("--corpora", corpora, "--out", out, "--task", "fsdd", *sizes)]
    main = recipe("speaker_backends").main
    main(words, standalone_mode=False)
    done = capsys.readouterr()
    rows = json.loads((out / "results.json").read_text(encoding="utf-8"))["tables"]["results"]
    expected = [(system, norm) for system in (*SYSTEMS, "fusion") for norm in ("raw", "as-norm")]
    assert [(row["system"], row["scores"]) for row in rows] == expected
    best = {row["system"]: row for row in rows if row["scores"] == "raw"}
    for system in ("gmm-full", "gmm-symmetric"):
        eer, interval = best[system]["EER, %"].split(" ", 1)
        assert float(eer) < 12
        low, high = (float(end) for end in interval.strip("()").split("–"))
        assert low <= float(eer) <= high
        assert float(best[system]["Cllr calibrated"].split()[0]) < 0.5
        assert float(best[system]["scoring, s"]) >= 0
    assert done.out.startswith((out / "results.md").read_text(encoding="utf-8"))
    assert (out / "fsdd" / "report" / "index.html").exists()
    speakers = {
        side: {line.split()[1] for line in (out / side / "utt2spk").read_text().splitlines()}
        for side in ("background-fsdd/sessions", "background-fsdd/cohort", "fsdd/models", "fsdd/tests")
    }
    background = speakers["background-fsdd/sessions"] | speakers["background-fsdd/cohort"]
    assert not background & (speakers["fsdd/models"] | speakers["fsdd/tests"])

    main(words, standalone_mode=False)
    again = capsys.readouterr()
    assert again.err.count("done before") == again.err.count("stage ") == 15
    assert again.out == done.out

    main([*words, "--test", "other"], standalone_mode=False)
    more = json.loads((out / "results.json").read_text(encoding="utf-8"))["tables"]["results"]
    assert [row["EER, %"] for row in more] == 2 * [row["EER, %"] for row in rows]  # of the same recordings
    assert [row["task"] for row in more] == ["fsdd"] * len(rows) + ["other"] * len(rows)


def test_the_open_background_fits_the_frames(corpora: Path, tmp_path: Path, recipe) -> None:
    module, run = recipe("speaker_backends"), pipeline.Run(tmp_path / "exp")
    task = module.TASKS["fsdd-open"](corpora)
    model = gs.load(module.background_model(run, task, tmp_path / "none", task.components, 0))
    assert gs.FrontEnd.from_json(model.front_end_) == task.front_end
    np.testing.assert_array_equal(model.means_, gs.speaker.open_background(8000).means_)


def test_another_part_is_of_one_corpus(corpora: Path, tmp_path: Path, recipe, capsys) -> None:
    with pytest.raises(SystemExit):
        recipe("speaker_backends").main(["--corpora", str(corpora), "--out", str(tmp_path / "out"), "--test", "other"])
    assert "--test: found 0 --task, expected the one whose corpus has the part" in capsys.readouterr().err


def test_a_missing_corpus_is_one_line_that_names_it(tmp_path: Path, recipe, capsys) -> None:
    with pytest.raises(SystemExit):
        recipe("speaker_backends").main(["--corpora", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")])
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "nowhere" in told
