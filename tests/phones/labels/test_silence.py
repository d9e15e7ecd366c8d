from gmmspeech.phones.labels.labels import Label
from gmmspeech.phones.labels.silence import filled_with_silence, named_silence


def test_names_of_silence():
    names = ["sil", "SP", "h#", "pau", "<p:>", "", "_", "a", "spn", "S"]
    found = named_silence({"u": [Label(float(i), i + 1.0, name) for i, name in enumerate(names)]})["u"]
    assert [label.name for label in found] == ["SIL"] * 7 + ["a", "spn", "S"]
    assert [label.start for label in found] == list(range(10))


def test_time_without_a_label_is_filled():
    labels = {
        "u": [Label(0.1, 0.2, "a"), Label(0.21, 0.4, "b"), Label(0.7, 1.0, "c")],
        "v": [],
        "w": [Label(0, 1, "a")],
    }
    found, seconds = filled_with_silence(labels, {"u": 1.02, "v": 3.0, "w": 1.0})
    gaps = [label[:2] for label in found["u"] if label.name == "SIL"]
    assert gaps == [(0.0, 0.1), (0.4, 0.7)]
    assert (found["v"], found["w"]) == ([], labels["w"])
    assert round(seconds, 9) == 0.4
