"""Power spectra with the roundings of Kaldi's float32 FFTs.

Kaldi's FFT in float32 (split radix [1]_ for powers of two, else one prime factor after the other) leaves about 1e-6 of
a frame's largest amplitude in every bin. If a mel filter lies more than a dozen nats below the loudest one, this error
is a large part of Kaldi's value, which can only be reproduced by the same errors: the same butterflies in the same
order, the same factors, and the same products fused with a sum (one rounding for both) as GCC fuses them on processors
that support it. Here this is done in NumPy, in ten times the time of scipy.fft, whose spectra are more accurate;
mel_kernel.c has split radix with the same bits for every frame.

.. [1] H. S. Malvar, "Signal Processing with Lapped Transforms", Artech House, 1992: the split-radix FFT, with complex
   factors in three products each.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

# The GNU C library's cosf and sinf within 45 degrees of zero: polynomials in x^2, the sine's times x. They aren't
# always rounded correctly, and the last bit of a factor shows in what Kaldi gives.
COSINE = [
    float.fromhex(c)
    for c in (
        *("0x1p0", "-0x1.ffffffd0c621cp-2", "0x1.55553e1068f19p-5", "-0x1.6c087e89a359dp-10", "0x1.99343027bf8c3p-16"),
    )
]
SINE = [float.fromhex(c) for c in ("0x1p0", "-0x1.555545995a603p-3", "0x1.1107605230bc4p-7", "-0x1.994eb3774cf24p-13")]
SQRT_HALF = np.float32(np.sqrt(0.5))
HALF = np.float32(0.5)


def fused(a: Float32, b: Float32 | np.float32, c: Float32) -> Float32:
    """Product and sum, a b + c, with one rounding to float32, as a fused multiply-add gives it.

    A product of two float32 is exact in float64. The sum rounds there first, which changes the result only
    where it falls upon the middle between two float32.
    """
    return (np.multiply(a, b, dtype=np.float64) + c).astype(np.float32)


def kaldi_power_spectra(frames: Float32) -> Float32:
    """Power spectra as Kaldi's FFT of real float32 samples rounds them.

    An FFT of N / 2 points over pairs of samples, and a stage that takes the two real halves apart, whose factors
    exp(-2 pi i k / N) are a running product.

    Shapes: `frames` (T, N); gives (T, N // 2 + 1).
    """
    half = frames.shape[1] // 2
    real, imag = (np.ascontiguousarray(frames[:, part::2].T) for part in (0, 1))  # (N / 2, T): bins lead
    if half & (half - 1):
        real, imag = _mixed_radix(real, imag, _prime_factors(half))
    else:
        _split_radix(real, imag)
        order = _bit_reversal(half)
        real, imag = real[order], imag[order]

    k = np.arange(1, half // 2 + 1)
    mirror = half - k
    cos, sin = _running_factors(half)
    even_real, even_imag = HALF * (real[k] + real[mirror]), HALF * (imag[k] - imag[mirror])
    odd_real, odd_imag = HALF * (imag[k] + imag[mirror]), -HALF * (real[k] - real[mirror])
    # Two bins share these: the products of the real part have two uses with opposite signs and stay unfused.
    turned_real = cos * odd_real - sin * odd_imag
    turned_imag = fused(odd_imag, cos, sin * odd_real)

    power = np.empty((half + 1, len(frames)), dtype=np.float32)
    power[0], power[half] = (real[0] + imag[0]) ** 2, (real[0] - imag[0]) ** 2
    power[mirror] = (even_real - turned_real) ** 2 + (turned_imag - even_imag) ** 2
    power[k] = (even_real + turned_real) ** 2 + (even_imag + turned_imag) ** 2
    return np.ascontiguousarray(power.T)


def _split_radix(real: Float32, imag: Float32) -> None:
    """FFT in place along the first axis, in bit-reversed order; all blocks of a size and all frames at once."""
    for size, starts in _blocks(len(real)):
        first = starts[:, None] + np.arange(size // 2)
        second = first + size // 2
        r, i = real[first] - real[second], imag[first] - imag[second]
        real[first] += real[second]
        imag[first] += imag[second]
        if size > 2:
            (r1, r2), (i1, i2) = np.split(r, 2, axis=1), np.split(i, 2, axis=1)
            turned = _turned(r1 + i2, i1 - r2, size, 1), _turned(r1 - i2, i1 + r2, size, 3)
            r, i = (np.concatenate(parts, axis=1) for parts in zip(*turned, strict=True))
        real[second], imag[second] = r, i


def _turned(real: Float32, imag: Float32, size: int, multiple: int) -> tuple[Float32, Float32]:
    """(B, size / 4, T) values times exp(-2 pi i multiple n / size), n along the second axis."""
    cos, minus_sum, difference = _factors(size, multiple)
    total = real + imag
    turned_real, turned_imag = fused(cos, total, difference * imag), fused(cos, total, minus_sum * real)
    turned_real[:, 0], turned_imag[:, 0] = real[:, 0], imag[:, 0]
    middle = size // 8
    if middle:  # an odd multiple of 45 degrees
        r, i, total = real[:, middle], imag[:, middle], total[:, middle]
        turned_real[:, middle] = SQRT_HALF * (total if multiple == 1 else i - r)
        turned_imag[:, middle] = SQRT_HALF * (i - r if multiple == 1 else -total)
    return turned_real, turned_imag


def _mixed_radix(real: Float32, imag: Float32, primes: tuple[int, ...]) -> tuple[Float32, Float32]:
    """FFT along the last axis but one, in order: as many smaller ones as the first prime says, then their sums."""
    if not primes:
        return real, imag
    points, num_frames = real.shape[-2:]
    first, rest = primes[0], points // primes[0]
    shape = (*real.shape[:-2], rest, first, num_frames)
    real, imag = (part.reshape(shape).swapaxes(-3, -2) for part in (real, imag))
    real, imag = _mixed_radix(real, imag, primes[1:])
    cos, sin = _sum_factors(points, first)
    sums = []
    for out in range(first):
        sum_real, sum_imag = real[..., 0, :, :], imag[..., 0, :, :]
        for part in range(1, first):
            c, s, r, i = cos[out, part], sin[out, part], real[..., part, :, :], imag[..., part, :, :]
            sum_real, sum_imag = sum_real + fused(r, c, -(i * s)), sum_imag + fused(r, s, i * c)
        sums.append((sum_real, sum_imag))
    shape = (*shape[:-3], points, num_frames)
    return tuple(np.stack(parts, axis=-3).reshape(shape) for parts in zip(*sums, strict=True))  # type: ignore[return-value]


@lru_cache(maxsize=16)
def _sum_factors(points: int, first: int) -> tuple[Float32, Float32]:
    """Factors cos and sin of -2 pi part (out rest + q) / points, (out, part, q, 1) each, all as running products."""
    rest = points // first
    step_q, step_out = _cos_sin(np.array([-2 * np.pi / points])), _cos_sin(np.array([-2 * np.pi / first]))
    factors = np.zeros((2, first, first, rest, 1), dtype=np.float32)
    at_q = np.ones(1, dtype=np.float32), np.zeros(1, dtype=np.float32)
    for q in range(rest):
        at_out = at_q
        for out in range(first):
            power = at_out
            for part in range(1, first):
                factors[:, out, part, q] = power
                power = _times(power, at_out)
            at_out = _times(at_out, step_out)
        at_q = _times(at_q, step_q)
    return factors[0], factors[1]


def _times(a: tuple[Float32, Float32], b: tuple[Float32, Float32]) -> tuple[Float32, Float32]:
    """Complex product, its first products fused."""
    return fused(a[0], b[0], -(a[1] * b[1])), fused(a[0], b[1], a[1] * b[0])


def _prime_factors(number: int) -> tuple[int, ...]:
    for prime in range(2, number + 1):
        if number % prime == 0:
            return prime, *_prime_factors(number // prime)
    return ()


@lru_cache(maxsize=16)
def _blocks(points: int) -> list[tuple[int, NDArray[np.intp]]]:
    """Sizes from `points` to 2 with the starts of their blocks: one is split into a half and two quarters."""
    starts: dict[int, list[int]] = {points: [0]}
    size = points
    while size >= 2:
        for start in starts.get(size, []):
            starts.setdefault(size // 2, []).append(start)
            starts.setdefault(size // 4, []).extend([start + size // 2, start + 3 * size // 4])
        size //= 2
    return [(size, np.array(starts[size])) for size in sorted(starts, reverse=True) if size >= 2]


@lru_cache(maxsize=64)
def _factors(size: int, multiple: int) -> tuple[Float32, Float32, Float32]:
    """Factors cos a, -(sin a + cos a) and sin a - cos a at a = 2 pi multiple n / size, (size / 4, 1) each."""
    cos, sin = _cos_sin(multiple * np.arange(size // 4)[:, None] * (2 * np.pi) / size)
    return cos, -(sin + cos), sin - cos


@lru_cache(maxsize=16)
def _running_factors(half: int) -> tuple[Float32, Float32]:
    """Factors cos and sin of -pi k / half for k = 1 ... half / 2, each from the one before, (half / 2, 1) each."""
    step = _cos_sin(np.array([-np.pi / half]))
    factors = np.empty((2, half // 2, 1), dtype=np.float32)
    factor = np.ones(1, dtype=np.float32), np.zeros(1, dtype=np.float32)
    for k in range(half // 2):
        factor = _times(factor, step)
        factors[:, k] = factor
    return factors[0], factors[1]


def _cos_sin(angle: NDArray[np.float64]) -> tuple[Float32, Float32]:
    """What cosf and sinf give for angles rounded to float32."""
    single = angle.astype(np.float32).astype(np.float64)
    quarters = np.rint(single * (2 / np.pi))
    x = single - quarters * (np.pi / 2)
    cos, sin = np.polynomial.polynomial.polyval(x * x, COSINE), x * np.polynomial.polynomial.polyval(x * x, SINE)
    turn = quarters.astype(np.intp) % 4
    return (
        np.choose(turn, [cos, -sin, -cos, sin]).astype(np.float32),
        np.choose(turn, [sin, cos, -sin, -cos]).astype(np.float32),
    )


@lru_cache(maxsize=16)
def _bit_reversal(points: int) -> NDArray[np.intp]:
    order = np.zeros(1, dtype=np.intp)
    while len(order) < points:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


@lru_cache(maxsize=16)
def fft_tables(half: int) -> tuple[NDArray[np.intc], Float32, NDArray[np.intc], Float32]:
    """What the compiled twin reads: blocks, factors of all sizes from `half` to 4, bit reversal, running factors."""
    blocks = [(size, start) for size, starts in _blocks(half) for start in starts]
    sizes = [half >> level for level in range(half.bit_length() - 2)]
    turns = [part.ravel() for size in sizes for multiple in (1, 3) for part in _factors(size, multiple)]
    return (
        np.array(blocks, dtype=np.intc),
        np.concatenate(turns) if turns else np.zeros(1, dtype=np.float32),
        _bit_reversal(half).astype(np.intc),
        np.concatenate([part.ravel() for part in _running_factors(half)]),
    )
