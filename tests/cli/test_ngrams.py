"""The command make-ngram, as a user types it."""

from gmmspeech.formats.arpa import read_arpa


def test_n_gram_of_a_file_and_of_what_lies_beside_recordings(run, tmp_path, corpus):
    (tmp_path / "a.txt").write_text("Yes, he said.\n\nNo!\nhe said: yes\n")
    done = run("make-ngram", tmp_path / "a.txt", tmp_path / "a.arpa", "--order", 2)
    expected = f"3 sentences, 7 words: 6 1-grams, 9 2-grams in {tmp_path / 'a.arpa'}\n"
    assert (done.exit_code, done.stdout) == (0, expected)
    assert read_arpa(tmp_path / "a.arpa").words == ["No", "he", "said", "yes"]
    data = corpus("librispeech-mini") / "data/test-other"
    done = run("make-ngram", tmp_path / "a.txt", data, tmp_path / "b.arpa")
    assert done.stdout.startswith("73 sentences, 1351 words: ")
    assert "THE" in read_arpa(tmp_path / "b.arpa").words


def test_what_has_no_sentences_is_named(run, tmp_path, corpus):
    text = corpus("librispeech-mini") / "data/test-other/text"
    done = run("make-ngram", text, tmp_path / "b.arpa")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert f"{text}: found a file of a data directory, expected that directory: {text.parent}" in done.stderr
    (tmp_path / "empty.txt").write_text("\n...\n")
    done = run("make-ngram", tmp_path / "empty.txt", tmp_path / "b.arpa")
    assert (done.exit_code, done.stderr) == (
        1,
        "gmmspeech: error: n-gram: found no words, expected sentences of words\n",
    )
    assert not (tmp_path / "b.arpa").exists()
