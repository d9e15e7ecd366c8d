"""Features of recordings at several warps, and speakers at theirs."""

import numpy as np
import vocal_tract

import gmmspeech as gs
from gmmspeech.commands import rungs
from gmmspeech.pipeline import Run


def test_speakers_at_their_warps(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(vocal_tract.vtln, "WARPS", (0.9, 1.0))
    data = gs.read_data_dir(corpus("librispeech-tiny") / "data/test")
    data = data.only(data.utterances[:3])
    front, run = gs.FrontEnd.from_toml("phones"), Run(tmp_path)
    places = vocal_tract.extract_warped(run, data, front)
    gs.extract_features([data], tmp_path / "plain.h5", front)
    with gs.FeatureStore(places[1.0]) as own, gs.FeatureStore(tmp_path / "plain.h5") as plain:
        for utterance in data.utterances:
            np.testing.assert_array_equal(own[utterance], plain[utterance])
    chosen = dict.fromkeys(data.utt2spk.values(), 0.9)
    monkeypatch.setattr(vocal_tract.vtln, "warps_of_training", lambda *_, **__: (None, chosen))
    monkeypatch.setattr(vocal_tract.vtln, "warps_of_unknown_speech", lambda *_, **__: dict.fromkeys(chosen, 1.0))
    speech = rungs.Speech(tmp_path / "plain.h5", {u: ["A"] for u in data.utterances}, data.utt2spk)
    (tmp_path / "phones.ctm").write_text("".join(f"{u} 1 0.0 0.1 AH\n" for u in data.utterances))
    both = ((speech, places), (speech, places))
    train, test = vocal_tract.normalize_speakers(run, "x", front, *both, {}, tmp_path / "phones.ctm")
    for side, warp in ((train, 0.9), (test, 1.0)):
        with gs.FeatureStore(side.features) as found, gs.FeatureStore(places[warp]) as expected:
            assert (side.words, found.front_end) == (speech.words, front.to_json())
            for utterance in data.utterances:
                np.testing.assert_array_equal(found[utterance], expected[utterance])
    assert vocal_tract.read_warps(run, "x") == dict.fromkeys(chosen, 1.0)
    with gs.FeatureStore(train.features) as expected:
        for utterance, frames in vocal_tract.frames_at_own_warps(data, front, chosen):
            np.testing.assert_array_equal(frames, expected[utterance])
