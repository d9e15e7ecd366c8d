import itertools
import struct
import wave

import kaldiio
import numpy as np
import pytest
import soundfile

from gmmspeech.audio import RawAudio, audio_format, read_audio, read_audio_blocks, sample_at
from gmmspeech.errors import AudioError, ConfigError
from gmmspeech.formats.datadir import read_data_dir

RATE = 16000


@pytest.fixture
def pcm():
    return np.random.default_rng(0).integers(-20000, 20000, RATE).astype(np.int16)


@pytest.fixture
def wav(tmp_path, pcm):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm.astype("<i2").tobytes())
    return tmp_path / "a.wav"


def fails(match, path, **options):
    with pytest.raises(AudioError, match=match) as caught:
        read_audio(path, **options)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_16_bit_wav_is_scaled_to_one(wav, pcm):
    signal, rate = read_audio(wav)
    assert rate == RATE
    assert signal.dtype == np.float32
    np.testing.assert_array_equal(signal, pcm / np.float32(32768))


@pytest.mark.parametrize("kind", ["flac", "aiff", "au", "w64"])
def test_lossless_formats_give_the_same_samples(tmp_path, pcm, kind):
    soundfile.write(tmp_path / f"a.{kind}", pcm, RATE)
    np.testing.assert_array_equal(read_audio(tmp_path / f"a.{kind}")[0], pcm / np.float32(32768))


def test_sphere_files_as_their_headers_describe_them(corpus):
    for path in read_data_dir(corpus("an4-mini") / "data/all").recordings.values():
        raw = path.read_bytes()
        fields = dict(line.split(" ", 1) for line in raw[16:1024].decode().split("end_head")[0].strip().split("\n"))
        order = {"01": "<i2", "10": ">i2"}[fields["sample_byte_format"].split()[1]]
        signal, rate = read_audio(path)
        np.testing.assert_array_equal(signal, np.frombuffer(raw[1024:], order) / np.float32(32768))
        assert rate == int(fields["sample_rate"].split()[1])


@pytest.mark.parametrize(("start", "end"), [(0.0, 0.25), (0.1, 0.9999), (0.07, None), (0.0, 1.0), (0.29, 0.57)])
@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_pieces_are_cut_as_extract_segments_does(tmp_path, pcm, kind, start, end):
    path = tmp_path / f"a.{kind}"
    soundfile.write(path, pcm, RATE)
    whole, _ = read_audio(path)
    piece, _ = read_audio(path, start=start, end=end)
    last = RATE if end is None else int(end * RATE + 0.5)
    np.testing.assert_array_equal(piece, whole[int(start * RATE + 0.5) : last])


def test_neighboring_pieces_share_no_sample_and_miss_none(wav):
    times = [0.0, 0.0123456, 0.3, 0.70001, 1.0]
    pieces = [read_audio(wav, start=a, end=b)[0] for a, b in itertools.pairwise(times)]
    np.testing.assert_array_equal(np.concatenate(pieces), read_audio(wav)[0])


def test_pieces_of_the_last_page_of_vorbis(tmp_path):
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "a.ogg", 0.1 * rng.standard_normal(50123), RATE)
    whole, _ = soundfile.read(tmp_path / "a.ogg", dtype="float32")
    for first in range(123, 50000, 2500):
        blocks = [block for block, _ in read_audio_blocks(tmp_path / "a.ogg", 1000, start=first / RATE)]
        np.testing.assert_array_equal(np.concatenate(blocks), whole[first:])


@pytest.mark.parametrize("size", [100, 7000, 65536, None])
def test_the_end_of_opus_is_that_of_one_read(tmp_path, size):
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "a.ogg", 0.1 * rng.standard_normal(65536 + 80), RATE, format="OGG", subtype="OPUS")
    whole, _ = soundfile.read(tmp_path / "a.ogg", dtype="float32")
    blocks = [block for block, _ in read_audio_blocks(tmp_path / "a.ogg", size)]
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


@pytest.mark.parametrize(("kind", "subtype"), [("AU", "G721_32"), ("WAV", "NMS_ADPCM_16")])
def test_pieces_where_no_decoder_can_begin_in_the_middle(tmp_path, pcm, kind, subtype):
    path = tmp_path / "a"
    soundfile.write(path, pcm, RATE, format=kind, subtype=subtype)
    whole, rate = read_audio(path)
    assert np.array_equal(read_audio(path, start=300 / rate, end=500 / rate)[0], whole[300:500])


def test_a_small_overshoot_is_cut_and_a_large_one_is_an_error(wav):
    assert len(read_audio(wav, start=0.5, end=1.4999)[0]) == RATE // 2
    fails("segment ends at 1.5 s", wav, start=0.5, end=1.5)
    fails("segment begins at 1.0 s", wav, start=1.0, end=1.2)
    fails("expected 0 <= start < end", wav, start=0.5, end=0.5)
    fails("expected 0 <= start < end", wav, start=-0.5)
    fails("expected 0 <= start < end", wav, start=float("nan"))
    fails("no sample at 16000 Hz", wav, start=0.5, end=0.50001)


def test_channels(tmp_path, wav, pcm):
    stereo = tmp_path / "stereo.wav"
    soundfile.write(stereo, np.stack([pcm, -pcm], axis=1), RATE)
    left, right = (read_audio(stereo, channel=c, start=0.5)[0] for c in (0, 1))
    np.testing.assert_array_equal(left, -right)
    fails("found 2 channels", stereo)
    fails("channel 2 of 2, expected 0 to 1", stereo, channel=2)
    fails("channel 1 of 1, expected 0 to 0", wav, channel=1)
    np.testing.assert_array_equal(read_audio(wav, channel=0)[0], read_audio(wav)[0])
    np.testing.assert_array_equal(read_audio(wav, channel="mix")[0], read_audio(wav)[0])
    fails(
        "channels that cancel when they are mixed.*expected one of them alone, such as channel 0", stereo, channel="mix"
    )
    soundfile.write(stereo, np.stack([pcm, -pcm, pcm], axis=1), RATE)
    np.testing.assert_allclose(read_audio(stereo, channel="mix")[0], pcm / 98304, atol=1e-6)


def test_formats_are_told_without_decoding(tmp_path, wav, pcm):
    assert audio_format(wav) == (RATE, 1, RATE)
    for kind in ("flac", "ogg", "mp3"):
        soundfile.write(tmp_path / f"a.{kind}", np.stack([pcm, pcm], axis=1) / 40000, RATE)
        signal, rate = read_audio(tmp_path / f"a.{kind}", channel=0)
        assert audio_format(tmp_path / f"a.{kind}") == (rate, 2, len(signal))
    kaldiio.save_ark(str(tmp_path / "wav.ark"), {"u": (RATE, pcm)}, scp=str(tmp_path / "wav.scp"))
    place = (tmp_path / "wav.scp").read_text().split()[1]
    assert audio_format(place) == (RATE, 1, RATE)
    (tmp_path / "a.raw").write_bytes(bytes(800))
    assert audio_format(tmp_path / "a.raw", raw=RawAudio(8000, "pcm16", 2)).duration == 200 / 8000
    for name, content in {"none.wav": None, "text.wav": b"hello", "empty.wav": b""}.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(AudioError, match=name):
            audio_format(tmp_path / name)


def test_files_that_are_no_recordings(tmp_path):
    fails("no such file", tmp_path / "missing.wav")
    fails("is no file", tmp_path)
    for name, content, match in [
        ("empty.wav", b"", "found 0 bytes"),
        ("text.wav", b"hello world\n" * 100, "can't be decoded"),
        ("bytes.raw", b"\1" * 100, "can't be decoded"),
    ]:
        (tmp_path / name).write_bytes(content)
        fails(match, tmp_path / name)


def test_files_cut_short(tmp_path, wav, pcm, corpus):
    paths = [wav]
    for kind in ("flac", "aiff", "au", "w64", "mp3", "ogg", "caf"):
        paths.append(tmp_path / f"a.{kind}")
        soundfile.write(paths[-1], pcm, RATE)
    paths += corpus("an4-mini").glob("audio/*.sph")
    for path in paths:
        half = tmp_path / f"half{path.suffix}"
        half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        fails("cut short|can't be decoded|found 0 samples", half)
    (tmp_path / "header.wav").write_bytes(wav.read_bytes()[:44])
    fails("cut short|found 0 samples", tmp_path / "header.wav")


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_wav_written_into_a_pipe_is_whole(tmp_path, wav, pcm, size):
    header = bytearray(wav.read_bytes()[:44])
    header[40:44] = struct.pack("<I", size)
    streamed = tmp_path / "streamed.wav"
    streamed.write_bytes(bytes(header) + pcm.tobytes())
    assert len(read_audio(streamed)[0]) == RATE


def test_samples_that_are_no_numbers(tmp_path):
    for value in (np.nan, np.inf):
        signal = np.zeros(RATE, np.float32)
        signal[4000] = value
        soundfile.write(tmp_path / "a.wav", signal, RATE, subtype="FLOAT")
        fails(f"sample at 0.250 s: found {value}", tmp_path / "a.wav")
        assert len(read_audio(tmp_path / "a.wav", start=0.5)[0]) == RATE // 2
    soundfile.write(tmp_path / "none.wav", np.zeros(0), RATE)
    fails("found 0 samples", tmp_path / "none.wav")


# --- SPHERE and samples without a header


def tone(n=800):
    return (np.sin(np.arange(n) / 9) * 12000).astype(np.int16)


@pytest.mark.parametrize("subtype", ["PCM_16", "ULAW", "ALAW"])
def test_sphere(tmp_path, subtype):
    path = tmp_path / "a.sph"
    soundfile.write(path, tone(), 8000, format="NIST", subtype=subtype)
    signal, rate = read_audio(path, start=0.01, end=0.05)
    assert (rate, signal.shape) == (8000, (320,))
    np.testing.assert_allclose(signal, tone()[80:400] / 32768, atol=0 if subtype == "PCM_16" else 0.02)


def test_sphere_that_is_compressed(tmp_path):
    header = b"NIST_1A\n   1024\nsample_rate -i 16000\nsample_count -i 800\nchannel_count -i 1\n"
    header += b"sample_n_bytes -i 2\nsample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"
    (tmp_path / "a.sph").write_bytes(header.ljust(1024) + b"ajkg\x02" + bytes(500))
    with pytest.raises(AudioError, match=r"a\.sph: found SPHERE with samples as pcm,embedded-shorten-v2\.00, expected"):
        read_audio(tmp_path / "a.sph")


@pytest.mark.parametrize(
    ("raw", "content", "atol"),
    [
        (RawAudio(8000), tone().astype("<i2").tobytes(), 0),
        (RawAudio(8000, big_endian=True), tone().astype(">i2").tobytes(), 0),
        (RawAudio(8000, "pcm32"), (tone().astype("<i4") << 16).tobytes(), 0),
        (RawAudio(8000, "float32"), (tone() / np.float32(32768)).astype("<f4").tobytes(), 0),
        (RawAudio(8000, "pcm16", channels=2), np.repeat(tone(), 2).astype("<i2").tobytes(), 0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["a.raw", "a", "a.wav"])
def test_samples_without_a_header(tmp_path, raw, content, atol, name):
    (tmp_path / name).write_bytes(content)
    channel = 1 if raw.channels == 2 else None
    signal, rate = read_audio(tmp_path / name, raw=raw, start=0.05, channel=channel)
    assert rate == 8000
    np.testing.assert_allclose(signal, tone()[400:] / 32768, atol=atol)


def test_mu_law_without_a_header(tmp_path):
    soundfile.write(tmp_path / "a.raw", tone(), 8000, format="RAW", subtype="ULAW")
    signal, _ = read_audio(tmp_path / "a.raw", raw=RawAudio.parse("8000:ulaw"))
    np.testing.assert_allclose(signal, tone() / 32768, atol=0.02)


def test_samples_that_do_not_fit(tmp_path):
    (tmp_path / "a.raw").write_bytes(bytes(801))
    with pytest.raises(AudioError, match=r"a\.raw: found 801 bytes, expected a multiple of 2 \(pcm16, 1 channel\)"):
        read_audio(tmp_path / "a.raw", raw=RawAudio(8000))
    for text, match in {
        "ulaw": "raw: found 'ulaw', expected RATE",
        "8000:mp3": "encoding: found 'mp3'",
        "0": "rate: found 0",
    }.items():
        with pytest.raises(ConfigError, match=match):
            RawAudio.parse(text)


# --- times of segments


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 32000, 44100, 48000])
def test_all_milliseconds_become_the_nearest_sample(rate):
    marks = range(1, 100_000)
    found = np.array([sample_at(float(f"{ms // 1000}.{ms % 1000:03}"), rate) for ms in marks])
    exact = np.array([(2 * ms * rate + 1000) // 2000 for ms in marks])  # ms * rate / 1000 + 1/2, rounded down
    # halfway between two samples, which there are not at multiples of 1000 Hz, either is as near
    halfway = np.array([ms * rate % 1000 == 500 for ms in marks])
    np.testing.assert_array_equal(found[~halfway], exact[~halfway])
    assert np.isin(exact - found, (0, 1)).all()
    # static_cast<int32>(start * samp_freq + 0.5f), in double precision
    np.testing.assert_array_equal(found, [int(ms / 1000 * rate + 0.5) for ms in marks])


@pytest.mark.parametrize("time", [float("inf"), float("-inf"), float("nan"), 1e300, 1.7e308])
def test_times_without_a_sample(wav, time):
    fails("expected 0 <= start < end, both finite|segment begins at", wav, start=time)
    fails("expected 0 <= start < end, both finite|segment ends at", wav, end=time)
