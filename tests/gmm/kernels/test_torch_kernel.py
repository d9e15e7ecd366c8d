"""What torch's kernels alone have: devices, passes over all frames, and what is said where they can't be had."""

import pickle
import sys

import numpy as np
import pytest
from sklearn.base import clone

import gmmspeech as gs
from gmmspeech.errors import ConfigError, FeatureError
from gmmspeech.gmm.kernels import get_backend, numpy_kernel, pack, torch_kernel
from gmmspeech.gmm.kernels.torch_kernel import ROWS, TorchKernel


@pytest.fixture
def fresh():
    """No device is known from before."""
    torch_kernel.torch_kernel.cache_clear()
    yield
    torch_kernel.torch_kernel.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_without_torch(monkeypatch):
    monkeypatch.setattr(torch_kernel, "torch", None)
    expected = r"^backend 'torch': found no torch, expected it installed: pip install 'gmmspeech\[torch\]'$"
    with pytest.raises(ConfigError, match=expected):
        get_backend("torch")
    monkeypatch.setenv("GMMSPEECH_BACKEND", "torch")
    with pytest.raises(ConfigError, match=expected):
        gs.DiagonalGMM(1).fit(np.zeros((3, 2)))


def test_a_device_of_another_backend():
    with pytest.raises(ConfigError, match=r"^device: found 'cuda' with backend 'numpy', expected backend 'torch'$"):
        gs.DiagonalGMM(1, backend="numpy", device="cuda").fit(np.zeros((3, 2)))


@pytest.mark.parametrize("device", ["cuda:99", "abacus", "meta"])
@pytest.mark.usefixtures("fresh")
def test_a_device_that_is_not_there(device):
    pytest.importorskip("torch")
    with pytest.raises(ConfigError, match=f"^device '{device}': torch can't use it .*expected cpu, cuda or cuda:N$"):
        get_backend("torch", device)


def test_auto_is_never_torch(monkeypatch):
    monkeypatch.delenv("GMMSPEECH_BACKEND", raising=False)
    assert not isinstance(get_backend(), TorchKernel)


def test_torch_by_environment(monkeypatch, on_torch):
    monkeypatch.setenv("GMMSPEECH_BACKEND", "torch")
    assert isinstance(get_backend(), TorchKernel)
    assert get_backend("auto", str(on_torch.device)) is on_torch
    assert get_backend("numpy") is numpy_kernel


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    return rng.normal(3 * rng.integers(0, 3, (3 * ROWS + 100, 1)), 1, (3 * ROWS + 100, 4)).astype(np.float32)


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_pass_is_what_accumulate_gives(on_torch, monkeypatch, mixture, frames, held, weighted):
    rng = np.random.default_rng(1)
    weight = rng.uniform(0, 2, len(frames)) if weighted else None
    monkeypatch.setattr(TorchKernel, "has_room", lambda self, num_bytes: held)
    statistics = on_torch.e_step(frames, weight)
    for _ in range(3):
        packed = pack(*mixture(rng, 5, 4))
        found, expected = statistics(packed), numpy_kernel.accumulate(frames, packed, weight)
        np.testing.assert_allclose(found.n, expected.n, rtol=1e-5, atol=1e-3)
        np.testing.assert_allclose(found.sum_xx, expected.sum_xx, rtol=1e-4, atol=1e-2)
        assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-6)
        assert found.num_frames == expected.num_frames
    assert bool(statistics._held) is held


def test_where_frames_are_kept_changes_no_bit(on_torch, monkeypatch, frames):
    options = {"backend": "torch", "device": str(on_torch.device), "random_state": 0, "max_iter": 5}
    fitted = []
    for number in (0, 2, 10**9):  # blocks for which there is room
        room = iter([True] * min(number, 99))
        monkeypatch.setattr(TorchKernel, "has_room", lambda self, num_bytes, room=room: next(room, False))
        fitted.append(gs.DiagonalGMM(6, **options).fit(frames))
    for gmm in fitted[1:]:
        np.testing.assert_array_equal(gmm.means_, fitted[0].means_)
        assert gmm.history_ == fitted[0].history_


def test_training_is_that_of_numpy(on_torch, tmp_path, frames):
    gs.write_store(tmp_path / "f.h5", [("u", frames)])
    common = {"n_components": 6, "max_iter": 5, "tol": 0, "random_state": 0}
    with gs.FeatureStore(tmp_path / "f.h5") as store:
        found = gs.train_ubm(store, backend="torch", device=str(on_torch.device), **common)
    expected = gs.train_ubm(frames, backend="numpy", **common)
    np.testing.assert_allclose(found.history_, expected.history_, rtol=1e-6)
    np.testing.assert_allclose(found.means_, expected.means_, atol=1e-3)
    np.testing.assert_allclose(found.score_samples(frames), expected.score_samples(frames), atol=1e-3)
    ratios = [
        gs.log_likelihood_ratio(gs.map_adapt(m, frames[:200]), m, frames[200:400], top_c=3) for m in (found, expected)
    ]
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-3)


def test_frames_whose_square_float32_cannot_hold(on_torch, mixture, frames):
    packed = pack(*mixture(np.random.default_rng(2), 5, 4))
    frames[7, 1] = 1e25
    found, expected = on_torch.e_step(frames, None)(packed), numpy_kernel.accumulate(frames, packed)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-6)
    np.testing.assert_allclose(found.n, expected.n, rtol=1e-5, atol=1e-3)


def test_frames_that_are_no_numbers(on_torch, frames):
    gmm = gs.DiagonalGMM(2, backend="torch", device=str(on_torch.device), random_state=0).fit(frames)
    frames[ROWS + 5, 2] = np.nan
    with pytest.raises(FeatureError, match=f"frame {ROWS + 5}, column 2: found nan"):
        gmm.accumulate(frames)


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_products_of_fewer_digits_are_never_used(on_torch, mixture, frames, precision):
    torch = sys.modules["torch"]
    packed = pack(*mixture(np.random.default_rng(3), 5, 4))
    expected = on_torch.accumulate(frames, packed)
    try:
        torch.set_float32_matmul_precision(precision)
        np.testing.assert_array_equal(on_torch.accumulate(frames, packed).sum_xx, expected.sum_xx)
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision("highest")


def test_another_process_gets_the_kernels_of_the_same_device(on_torch):
    assert pickle.loads(pickle.dumps(on_torch)) is on_torch


def test_the_device_is_a_parameter_of_the_estimator():
    gmm = clone(gs.DiagonalGMM(3, backend="torch", device="cuda:1"))
    assert gmm.get_params()["device"] == "cuda:1"
