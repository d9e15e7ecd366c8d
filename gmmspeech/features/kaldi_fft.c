/* Power spectra with the roundings of Kaldi's float32 split-radix FFT: the compiled twin of kaldi_fft.py, which
   explains the algorithm, makes the tables, and takes over where this file was not compiled.

   Products are fused with a sum only where fmaf says so; contraction by the compiler must be off. */

#include <math.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define VARIANTS __attribute__((target_clones("arch=haswell", "default")))
#else
#define VARIANTS
#endif

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define LANES 8 /* frames worked on side by side: every inner loop is one vector instruction */
#define EACH_LANE for (int l = 0; l < LANES; l++)
#define INLINE static inline __attribute__((always_inline))

typedef float Lanes[LANES];

static const float SQRT_HALF = 0.70710678118654752440f;

/* n in [0, quarter): values times exp(-2 pi i multiple n / size), the multiple given by the tables. */
INLINE void turn(Lanes *restrict re, Lanes *restrict im, int quarter, const float *cosine, int third) {
    const float *minus_sum = cosine + quarter, *difference = minus_sum + quarter;
    const int middle = quarter / 2;
    for (int n = 1; n < quarter; n++) {
        if (n == middle) { /* an odd multiple of 45 degrees */
            EACH_LANE {
                const float r = re[n][l], i = im[n][l];
                re[n][l] = SQRT_HALF * (third ? i - r : r + i);
                im[n][l] = SQRT_HALF * (third ? -(r + i) : i - r);
            }
            continue;
        }
        EACH_LANE {
            const float r = re[n][l], i = im[n][l], total = r + i;
            re[n][l] = fmaf(cosine[n], total, difference[n] * i);
            im[n][l] = fmaf(cosine[n], total, minus_sum[n] * r);
        }
    }
}

/* One level of the FFT of `size` points; what is left are an FFT of the first half and of either quarter behind it. */
INLINE void butterflies(Lanes *restrict re, Lanes *restrict im, int size, const float *tables) {
    const int half = size / 2, quarter = size / 4;
    for (int n = 0; n < half; n++) EACH_LANE {
        const float r1 = re[n][l], r2 = re[half + n][l], i1 = im[n][l], i2 = im[half + n][l];
        re[n][l] = r1 + r2, im[n][l] = i1 + i2;
        re[half + n][l] = r1 - r2, im[half + n][l] = i1 - i2;
    }
    if (size == 2) return;
    re += half, im += half;
    for (int n = 0; n < quarter; n++) EACH_LANE {
        const float r1 = re[n][l], i1 = im[n][l], r2 = re[quarter + n][l], i2 = im[quarter + n][l];
        re[n][l] = r1 + i2, im[n][l] = i1 - r2;
        re[quarter + n][l] = r1 - i2, im[quarter + n][l] = i1 + r2;
    }
    turn(re, im, quarter, tables, 0);
    turn(re + quarter, im + quarter, quarter, tables + 3 * quarter, 1);
}

/* Take the two real halves apart and square: bins k and half - k, from values a and b. */
INLINE void last_stage(const Lanes *re, const Lanes *im, int a, int b, float cosine, float sine, float *k_power, float *mirror_power) {
    EACH_LANE {
        const float even_re = 0.5f * (re[a][l] + re[b][l]), even_im = 0.5f * (im[a][l] - im[b][l]);
        const float odd_re = 0.5f * (im[a][l] + im[b][l]), odd_im = -0.5f * (re[a][l] - re[b][l]);
        const float turned_re = cosine * odd_re - sine * odd_im;
        const float turned_im = fmaf(odd_im, cosine, sine * odd_re);
        const float r1 = even_re - turned_re, i1 = turned_im - even_im, r2 = even_re + turned_re, i2 = even_im + turned_im;
        mirror_power[l] = r1 * r1 + i1 * i1;
        k_power[l] = r2 * r2 + i2 * i2;
    }
}

/* frames (num_frames, 2 half) and power (num_frames, half + 1), num_frames a multiple of LANES.
   blocks: size and start of every block, large ones first; tables: for each size from `half` to 4 in turn, 3 / 2 size
   floats: cosine, minus sum and difference of either multiple; factors: cosines, then sines of the last stage.
   work: (3 half + 1) * LANES floats. */
EXPORT VARIANTS void kaldi_power_spectra(const float *frames, long num_frames, int half, const int *blocks, int num_blocks,
                                         const float *tables, const int *order, const float *factors, float *work,
                                         float *power) {
    Lanes *re = (Lanes *)work, *im = re + half, *bins = im + half;
    for (long t = 0; t < num_frames; t += LANES) {
        for (int n = 0; n < half; n++) EACH_LANE {
            const float *pair = frames + (t + l) * 2 * half + 2 * n;
            re[n][l] = pair[0], im[n][l] = pair[1];
        }
        for (int b = 0; b < num_blocks; b++) {
            const int size = blocks[2 * b], start = blocks[2 * b + 1];
            butterflies(re + start, im + start, size, tables + 3 * (half - size));
        }
        for (int k = 1; k <= half / 2; k++)
            last_stage(re, im, order[k], order[half - k], factors[k - 1], factors[half / 2 + k - 1], bins[k], bins[half - k]);
        EACH_LANE {
            const float low = re[0][l] + im[0][l], high = re[0][l] - im[0][l];
            bins[0][l] = low * low, bins[half][l] = high * high;
        }
        for (int k = 0; k <= half; k++) EACH_LANE power[(t + l) * (half + 1) + k] = bins[k][l];
    }
}
