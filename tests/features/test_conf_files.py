"""Configurations of Kaldi and HTK give their numbers as they are; mistakes in them are named with their lines."""

import numpy as np
import pytest
import soundfile

from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.features.conf_files import lacks_rate, read_kaldi_vad
from gmmspeech.features.frontend import FrontEnd
from gmmspeech.features.transformer import MfccTransformer

KALDI = [
    *("mfcc_default16", "mfcc_hanning16", "mfcc_hires16", "mfcc_htk16", "mfcc_nonpow2_16", "mfcc_sre16", "mfcc_sre8"),
    *("fbank40_16", "fbank80_16", "fbank_mag_linear16", "plp_default16", "plp_13_8"),
]


@pytest.mark.parametrize("name", KALDI)
def test_kaldi_conf_gives_kaldis_features(name, golden, kaldi_feats, kaldi_wav):
    path = golden / "kaldi" / "conf" / f"{name}.conf"
    front = FrontEnd.from_kaldi_conf(path, name.partition("_")[0].rstrip("480"))
    assert FrontEnd.from_file(path) == front
    assert FrontEnd.from_json(front.to_json()) == front
    for utterance, expected in kaldi_feats(name).items():
        signal, rate = kaldi_wav(utterance)
        # linear magnitudes run to 2e6, where the last bit of a float32 is worth 0.125
        rtol = 1e-4 if "linear" in name else 0
        np.testing.assert_allclose(front(signal, rate), expected, rtol=rtol, atol=2e-3)


@pytest.mark.parametrize("name", ["vad_default", "vad_sre", "vad_context"])
def test_kaldi_vad_conf_gives_kaldis_vad(name, golden, kaldi_feats, kaldi_wav):
    conf = golden / "kaldi" / "conf"
    front = FrontEnd.from_kaldi_conf(conf / "mfcc_sre16.conf", vad=conf / f"{name}.conf", deltas={"window": 3})
    assert front.dim == 60
    for utterance, expected in kaldi_feats(name).items():
        np.testing.assert_array_equal(front.voiced(*kaldi_wav(utterance)), expected == 1)


@pytest.mark.parametrize(
    ("conf", "feats"),
    [
        ("hcopy1", "test.wav.fea_htk.1"),
        ("hcopy2", "test.wav.fea_htk.2"),
        ("hcopy3", "test.wav.fea_htk.3"),
        ("fbank1", "test.wav.fbank_htk.1"),
        ("fbank2", "test.wav.fbank_htk.2"),
        ("plp1", "test.wav.plp_htk.1"),
    ],
)
def test_htk_conf_gives_htks_features(conf, feats, golden, htk_feats):
    path = golden / "htk" / f"{conf}.conf"
    front = FrontEnd.from_htk_conf(path)
    assert FrontEnd.from_file(path) == front
    found, expected = front(*soundfile.read(golden / "htk" / "test.wav", dtype="int16")), htk_feats(feats)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-3)  # the first and last frames as well


def written(tmp_path, text, name="front.conf"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_kaldi_options_of_every_kind(tmp_path):
    text = """
    # a comment
    --Use_Energy=false   # and another
    --frame-length=20
    --htk-compat
    --num-ceps = 13
    --allow-downsample=true
    --subtract-mean=true
    --vtln-warp=1.0
    --verbose=2
    """
    front = FrontEnd.from_kaldi_conf(written(tmp_path, text))
    options = front.features
    assert (options.use_energy, options.frame_length, options.htk_compat, options.num_ceps) == (False, 20.0, True, 13)
    assert front.resample == "down"
    assert front.cmvn.method == "utterance"
    assert options.dither == 1.0  # Kaldi's own default


@pytest.mark.parametrize(
    ("text", "resample", "refused"),
    [
        ("--allow-downsample=true", "down", [11025, 8000]),
        ("--allow-upsample=true", "up", [22050, 44100]),
        ("--allow-downsample=true\n--allow-upsample=true", True, []),
        ("--allow-downsample=true\n--allow-downsample=false", False, [8000, 44100]),
        ("--allow-upsample=false", False, [8000, 44100]),
    ],
)
def test_each_direction_of_resampling_has_its_own_option(tmp_path, text, resample, refused):
    front = FrontEnd.from_kaldi_conf(written(tmp_path, f"--sample-frequency=16000\n--dither=0\n{text}"), "mfcc")
    assert front.resample == resample
    assert FrontEnd.from_json(front.to_json()) == front
    for rate in (8000, 11025, 22050, 44100):
        signal = np.sin(np.arange(rate) / 10)
        if rate in refused or not resample:
            with pytest.raises(FeatureError, match=rf"found {rate} Hz, expected 16000 Hz.*; set resample = true"):
                front(signal, rate)
        else:
            assert len(front(signal, rate)) == 98


def test_htk_defaults_are_htks(tmp_path):
    text = "TARGETKIND = PLP_0_D_A_T_Z\nTARGETRATE = 100000.0\nHPARM: ZMEANSOURCE = T\nUSEHAMMING = F\nHIFREQ = -1"
    front = FrontEnd.from_htk_conf(written(tmp_path, text), sample_frequency=8000)
    options = front.features
    assert (options.type, options.convention, options.num_ceps, options.num_mel_bins) == ("plp", "htk", 13, 20)
    assert (options.frame_length, options.use_power, options.remove_dc_offset) == (25.6, False, True)
    assert (options.window_type, options.compress_factor, options.preemphasis_coefficient) == (
        "rectangular",
        0.33,
        0.97,
    )
    assert (front.sample_frequency, front.deltas.order, front.deltas.window) == (8000, 3, 2)
    assert front.deltas.convention == "htk"
    assert front.cmvn.method == "static"
    melspec = "SOURCERATE = 1250\nTARGETKIND = MELSPEC\nTARGETRATE = 100000\nNUMCEPS = 9"
    options = FrontEnd.from_htk_conf(written(tmp_path, melspec)).features
    assert (options.type, options.use_log_fbank, options.dim) == ("fbank", False, 20)


def test_zero_mean_of_static_features_leaves_energy_and_deltas(tmp_path):
    text = "SOURCERATE = 625\nTARGETRATE = 100000\nENORMALISE = F\nTARGETKIND = MFCC_{}_D"
    signal = np.random.default_rng(0).standard_normal(8000) * np.linspace(0.01, 0.1, 8000)
    for kind, mean in (("E", [False]), ("0", [True])):
        plain = FrontEnd.from_htk_conf(written(tmp_path, text.format(kind)))(signal, 16000)
        zeroed = FrontEnd.from_htk_conf(written(tmp_path, text.format(kind) + "_Z"))(signal, 16000)
        np.testing.assert_allclose(zeroed[:, 13:], plain[:, 13:], atol=1e-4)
        where = np.array([True] * 12 + mean)
        expected = plain[:, :13] - np.where(where, plain[:, :13].mean(axis=0), 0)
        np.testing.assert_allclose(zeroed[:, :13], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n--num-cep=13", "line 2: unknown option --num-cep; the nearest known one is --num-ceps"),
        ("--mel-floor=1", "line 1: unknown option --mel-floor"),
        ("num-ceps=13", "line 1: found 'num-ceps=13', expected --name=value"),
        ("--num-ceps 13", "line 1: found '--num-ceps 13', expected --name=value"),
        ("--num-ceps=x", "line 1: num_ceps: found 'x', expected a number"),
        ("--num-ceps=1.5", "line 1: num_ceps: found 1.5, expected a whole number"),
        ("--use-energy=yes", "line 1: use_energy: found 'yes', expected true or false"),
        ("--vtln-warp=3", "[features] vtln_warp: found 3"),
        ("--num-ceps=30", "[features] num_ceps: found 30, expected at most num_mel_bins, 23"),
        ("--window-type=kaiser", "[features] window_type: found 'kaiser', expected"),
    ],
)
def test_mistakes_in_kaldi_conf(text, message, tmp_path):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        FrontEnd.from_kaldi_conf(path, "mfcc")
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


GOOD = "SOURCERATE = 625\nTARGETRATE = 100000\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NUMCEP = 12", "line 1: unknown option NUMCEP; the nearest known one is NUMCEPS"),
        ("NUMCEPS 12", "line 1: found 'NUMCEPS 12', expected NAME = VALUE"),
        (GOOD + "TARGETKIND = LPC", "line 3: TARGETKIND: found LPC, expected MFCC, PLP, FBANK, MELSPEC"),
        (GOOD + "TARGETKIND = MFCC_D", "line 3: TARGETKIND: found MFCC_D, expected one of _E and _0"),
        (GOOD + "TARGETKIND = MFCC_E_A\n", "line 3: TARGETKIND: found MFCC_E_A, expected _D before _A"),
        (GOOD + "TARGETKIND = MFCC_0_V", "line 3: TARGETKIND: found qualifier _V"),
        (GOOD + "TARGETKIND = FBANK_0", "line 3: TARGETKIND: found FBANK_0, expected no _0"),
        (GOOD + "TARGETKIND = MFCC_E", "ENORMALISE: found T, its default, expected F"),
        (GOOD + "TARGETKIND = MFCC_E\nENORMALISE = T", "line 4: ENORMALISE: found T"),
        (GOOD + "TARGETKIND = MFCC_0\nWARPFREQ = 0.9", "line 4: WARPFREQ: found 0.9, expected 1 or 1.0"),
        (GOOD + "TARGETKIND = MFCC_0_D_A\nACCWINDOW = 3", "line 4: ACCWINDOW: found 3, expected DELTAWINDOW's 2"),
        (GOOD + "TARGETKIND = MFCC_0\nUSEPOWER = maybe", "line 4: USEPOWER: found 'maybe', expected true or false"),
        ("SOURCERATE = 0\nTARGETRATE = 100000\nTARGETKIND = MFCC_0", "line 1: SOURCERATE: found 0, expected more"),
        ("TARGETRATE = 100000\nTARGETKIND = MFCC_0", "found no SOURCERATE"),
        ("TARGETKIND = MFCC_0", "found no TARGETRATE"),
        (GOOD, "found no TARGETKIND"),
    ],
)
def test_mistakes_in_htk_conf(text, message, tmp_path):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        FrontEnd.from_htk_conf(path)
    assert str(caught.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("option", "found"),
    [("frames-context=-1", "frames_context: found -1"), ("proportion-threshold=3", "proportion_threshold: found 3.0")],
)
def test_what_no_vad_takes_is_named_with_its_line(option, found, tmp_path):
    path = written(tmp_path, f"--vad-energy-threshold=5.5\n--vad-{option}\n", "vad.conf")
    with pytest.raises(ConfigError, match=rf"vad\.conf: line 2: vad_{found}, expected .* than or equal to") as caught:
        read_kaldi_vad(path)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.conf: can't be read"):
        FrontEnd.from_file(tmp_path / "nowhere.conf")
    with pytest.raises(ConfigError, match="kind: found 'lfcc', expected 'mfcc', 'fbank', 'plp'"):
        FrontEnd.from_kaldi_conf(written(tmp_path, ""), "lfcc")
    with pytest.raises(ConfigError, match="found no TARGETKIND"):
        FrontEnd.from_file(written(tmp_path, "# nothing\n"))


def test_a_mark_of_the_byte_order_is_no_option(tmp_path):
    text = "--sample-frequency=16000\n--num-ceps=20\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "bom.conf").write_text(text, encoding=encoding)
        front = FrontEnd.from_file(tmp_path / "bom.conf")
        assert (front.sample_frequency, front.features.type, front.features.num_ceps) == (16000, "mfcc", 20)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.conf", "--use-log-fbank=true\n--num-mel-bins=40", "fbank"),
        ("a.conf", "--num-mel-bins=40\n--use-power=false", "fbank"),
        ("a.conf", "--num-ceps=13\n--cepstral-lifter=0", "mfcc"),
        ("a.conf", "--num-ceps=13\n--lpc-order=14", "plp"),
        ("hires-fbank.conf", "--num-mel-bins=80", "fbank"),
        ("my_mfcc.conf", "--sample-frequency=8000", "mfcc"),
        ("fbank40.conf", "--num-mel-bins=40", "fbank"),
        ("plp_8k.conf", "--num-mel-bins=21", "plp"),
        ("a.conf", "--num-mel-bins=40\n--dither=0", None),
        ("mfcc_or_plp.conf", "--sample-frequency=8000", None),
    ],
)
def test_the_name_or_the_options_tell_the_program(tmp_path, name, text, kind):
    path = written(tmp_path, text, name)
    if kind is None:
        expected = "expected a name that tells, such as fbank.conf, mfcc.conf, plp.conf"
        with pytest.raises(ConfigError, match=f"found options that .* all have, {expected}"):
            FrontEnd.from_file(path)
    else:
        assert FrontEnd.from_file(path) == FrontEnd.from_kaldi_conf(path) == FrontEnd.from_kaldi_conf(path, kind)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--num-ceps=13\n--mystery=1", "line 2: unknown option --mystery, expected one of --"),
        ("--use-log-fbank=true\n--num-ceps=13", "line 1: unknown option --use-log-fbank, expected one of --"),
        ("--sample-frequency=1_000\n--num-ceps=3", "line 1: sample_frequency: found '1_000', expected a number"),
        ("--sample-frequency=inf\n--num-ceps=3", "line 1: sample_frequency: found 'inf', expected a number"),
        ("--num-ceps=\u0661", "line 1: num_ceps: found '\u0661', expected a number"),
        ("--dither=nan\n--num-ceps=3", "line 1: dither: found 'nan', expected a number"),
        ("--num-ceps=3\n--" + "x" * 10**6, "line 2: unknown option --xxx"),
        ("--num-ceps=" + "9" * 10**6, "line 1: num_ceps: found '999"),
        ("--num-ceps=3\r--dither=0\r", "1: found a line that ends in a carriage return alone"),
        (
            "TARGETKIND = MFCC_0\nTARGETRATE = inf\nSOURCERATE = 625",
            "line 2: TARGETRATE: found 'inf', expected a number",
        ),
        (GOOD + "TARGETKIND = " + "M" * 10**6, "line 3: TARGETKIND: found MMM"),
        (GOOD + "TARGETKIND = MFCC_0\nMYSTERY = 3", "line 4: unknown option MYSTERY, expected one of "),
        ("TARGETRATE = 100000\nTARGETKIND = MFCC_0\nSOURCERATE = 1e-300", "line 3: SOURCERATE: found 1e-300, expected"),
        ("TARGETRATE = 100000\nTARGETKIND = MFCC_0\nSOURCERATE = 1e300", "line 3: SOURCERATE: found 1e300, expected"),
        (GOOD.replace("100000", "1e300") + "TARGETKIND = MFCC_0", "[features] frame_shift: found"),
        ("--num-mel-bins=10000\n--num-ceps=3\n--frame-length=16000", "[features] num_mel_bins: found 10000 filters"),
    ],
)
def test_what_no_configuration_says(tmp_path, text, message):
    path = tmp_path / "front.conf"
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(ConfigError) as caught:
        FrontEnd.from_file(path)
    assert str(caught.value).startswith((f"{path}: {message}", f"{path}:{message}"))
    assert len(str(caught.value)) < 400


PSF29 = """SOURCEFORMAT = NIST
TARGETKIND = MFCC_0
TARGETRATE = 100000
SAVECOMPRESSED = F
SAVEWITHCRC = F
WINDOWSIZE = 250000
USEHAMMING = F
PREEMCOEF = 0.97
NUMCHANS = 26
CEPLIFTER = 22
NUMCEPS = 12
ENORMALISE = F
"""


def test_a_configuration_of_hcopy_leaves_the_rate_to_the_recordings(tmp_path):
    path = written(tmp_path, PSF29, "psf29.conf")
    assert lacks_rate(path)
    assert not lacks_rate(written(tmp_path, PSF29 + "HPARM: SOURCERATE = 625"))
    assert not lacks_rate(written(tmp_path, "--num-ceps=13"))
    with pytest.raises(ConfigError, match="found no SOURCERATE, expected one such as 625"):
        FrontEnd.from_file(path)
    front = FrontEnd.from_file(path, sample_frequency=8000)
    assert (front.sample_frequency, front.features.num_mel_bins, front.features.num_ceps) == (8000, 26, 13)
    signal = np.sin(np.arange(11025) / 10)
    np.testing.assert_array_equal(
        MfccTransformer(11025, front_end=path).transform([signal])[0],
        FrontEnd.from_htk_conf(path, sample_frequency=11025)(signal, 11025),
    )
