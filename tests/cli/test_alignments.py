"""The commands that look at alignments, as a user types them."""

import numpy as np
import soundfile
from said import works

from gmmspeech.formats.labels.labels import write_labels
from gmmspeech.phones.labels.labels import Label

REFERENCE = {"u": [Label(0.1, 0.2, "AA"), Label(0.2, 0.3, "T"), Label(0.3, 0.4, "S"), Label(0.4, 0.5, "AA")]}
HYPOTHESIS = {"u": [Label(0.1, 0.207, "AA"), Label(0.207, 0.33, "T"), Label(0.33, 0.4, "S"), Label(0.4, 0.52, "AA")]}


def test_tables_and_a_picture(run, tmp_path):
    write_labels(tmp_path / "ref.ctm", REFERENCE)
    write_labels(tmp_path / "hyp.mlf", HYPOTHESIS)
    sides = (tmp_path / "ref.ctm", tmp_path / "hyp.mlf")
    done = works(run("compare-alignment", *sides, "--plot", tmp_path / "errors.png"))
    lines = done.stdout.splitlines()
    assert lines[0] == "1 file compared"
    assert lines[2].split("  ")[0] == "boundaries"
    row = lines[3].split("  ")
    # five boundaries, off by 0, 7, 30, 0 and 20 ms
    assert [cell.strip() for cell in row if cell.strip()] == [
        *("all", "5", "11.4 ms", "7.0 ms", "+11.4 ms", "40.0 %", "60.0 %", "80.0 %", "100.0 %")
    ]
    assert lines[-1].split() == ["20", "ms", "4", "of", "5", "1", "0.8000", "0.8000", "0.8000", "0.8293"]
    assert (tmp_path / "errors.png").read_bytes().startswith(b"\x89PNG")
    write_labels(tmp_path / "small.ctm", {"u": [label._replace(name=label.name.lower()) for label in REFERENCE["u"]]})
    other = run("compare-alignment", tmp_path / "small.ctm", sides[1])
    assert "gmmspeech: --fold=timit39 makes phones of ARPAbet, TIMIT and Buckeye the same" in other.stderr
    assert other.stdout.splitlines()[3].split() == ["all", "0", "of", "5", *"–––––––"]
    assert "nan" not in other.stdout
    finer = run("compare-alignment", *sides, "--tolerance", "5")
    assert finer.stdout.splitlines()[-1].split()[:5] == ["5", "ms", "2", "of", "5"]


def test_bad_usage(run, tmp_path):
    write_labels(tmp_path / "ref.ctm", REFERENCE)
    sides = (tmp_path / "ref.ctm", tmp_path / "ref.ctm")
    assert run("compare-alignment", *sides, "--tolerance", "0.02").exit_code == 2  # these would be seconds
    many = run("compare-alignment", *sides, "--tier", "a", "--tier", "b", "--tier", "c")
    assert (many.exit_code, "--tier: found 3" in many.stderr) == (1, True)
    many = run("compare-alignment", *sides, "--rate", 1, "--rate", 2, "--rate", 3)
    assert (many.exit_code, "--rate: found 3" in many.stderr) == (1, True)
    assert run("compare-alignment", tmp_path / "ref.ctm", tmp_path / "none.ctm").exit_code == 1


def test_a_picture_of_an_alignment(run, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 8000), 8000)
    write_labels(tmp_path / "a.TextGrid", REFERENCE)
    words = ("plot-alignment", tmp_path / "a.wav", tmp_path / "a.TextGrid")
    done = works(run(*words, tmp_path / "a.png", "--start", "0.1", "--end", "0.6"))
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    other = run(*words, tmp_path / "b.png", "--tier", "glosses")
    assert (other.exit_code, (tmp_path / "b.png").exists()) == (1, False)
    assert "--tier: found no glosses, expected some of " in other.stderr
    assert "drawn" not in done.stderr
    soundfile.write(tmp_path / "a.wav", np.zeros(100_000), 8000)
    long = run(*words, tmp_path / "b.png", "--start", "1")
    assert "drawn: 1 to 11 s, of 12.5; --start and --end choose others" in long.stderr
    (tmp_path / "b.png").unlink()
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 8000)
    folder = run("plot-alignment", tmp_path / "a.wav", tmp_path, tmp_path / "b.png")
    assert (folder.exit_code, "found the folder " in folder.stderr) == (2, True)
    late = run(*words, tmp_path / "b.png", "--start", "5")
    assert (late.exit_code, (tmp_path / "b.png").exists()) == (1, False)
    assert "found 1 s, expected some after 5 s" in late.stderr
