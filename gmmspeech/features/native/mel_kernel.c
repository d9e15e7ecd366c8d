/* From samples to the outputs of mel filters, small products and deltas, compiled: what spectra.py and deltas.py do in
   NumPy, and Kaldi's FFT, which kaldi_fft.py explains and makes the tables for.

   LANES frames are worked on side by side, a vector holding the same number of each. Products are fused with a sum only
   where `fuse` says so: contraction by the compiler must be off.

   Nothing is allocated and nothing checked here: mel_kernel.py does both. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../compiled.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors wider than the base instruction set never leave this file */
#endif

#define INLINE static inline __attribute__((always_inline))
#define LANES 8
#define SUMS 4 /* that don't wait for one another */
#define ROWS 4 /* of a product, that share what is read of the matrix */
#define EACH_LANE for (int l = 0; l < LANES; l++)

typedef float Lanes __attribute__((vector_size(4 * LANES)));
typedef float Pieces __attribute__((vector_size(4 * LANES), aligned(4), may_alias)); /* LANES neighbors anywhere in an array */
typedef double Doubles __attribute__((vector_size(4 * LANES), aligned(8), may_alias));

typedef struct {
    const float *window;   /* (length,), with the samples' scale in it */
    const float *filters;  /* (num_filters, points / 2 + 1) */
    int32_t *spans;        /* (num_filters, 2): room for the first bin of a filter and the one after its last */
    const int32_t *blocks; /* (num_blocks, 2): size and start of every block of the FFT, large ones first */
    const float *turns;    /* for each size from points / 2 down to 4: cosine, minus sum and difference of either multiple */
    const int32_t *order;  /* (points / 2,) */
    const float *factors;  /* (2, points / 4): cosines, then sines of the last stage */
    int32_t length, points, num_filters, num_blocks;
    int32_t remove_dc_offset, raw_energy, use_power;
    float preemphasis;
} MelOptions;

static const float SQRT_HALF = 0.70710678118654752440f;

/* A product and a sum with one rounding for both. */
INLINE void fuse(Lanes *result, float a, const Lanes *b, const Lanes *c) {
    EACH_LANE(*result)[l] = fmaf(a, (*b)[l], (*c)[l]);
}

/* Sum of a, or where b is given of their products: by several sums that don't wait for one another, in the same order
   for every instruction set. */
INLINE float sum_of_products(const float *a, const float *b, int length) {
    Lanes sums[SUMS] = {0};
    int n = 0;
    for (; n + SUMS * LANES <= length; n += SUMS * LANES)
        for (int s = 0; s < SUMS; s++) {
            Lanes term = *(const Pieces *)(a + n + s * LANES);
            if (b) term *= *(const Pieces *)(b + n + s * LANES);
            sums[s] += term;
        }
    float sum = 0;
    for (int s = 1; s < SUMS; s++) sums[0] += sums[s];
    EACH_LANE sum += sums[0][l];
    for (; n < length; n++) sum += b ? a[n] * b[n] : a[n];
    return sum;
}

/* A windowed frame of `length` samples and its energy; Kaldi's pre-emphasis is fused. `centered` is scratch. */
INLINE void windowed(const MelOptions *o, const float *samples, int fused, float *centered, float *row, float *energy) {
    const int length = o->length;
    const float mean = o->remove_dc_offset ? sum_of_products(samples, NULL, length) / (float)length : 0.0f;
    const float c = o->preemphasis, *window = o->window;
    for (int n = 0; n < length; n++) centered[n] = samples[n] - mean;
    if (o->raw_energy) *energy = sum_of_products(centered, centered, length);
    row[0] = (fused ? fmaf(-c, centered[0], centered[0]) : centered[0] - c * centered[0]) * window[0];
    for (int n = 1; n < length; n++)
        row[n] = (fused ? fmaf(-c, centered[n - 1], centered[n]) : centered[n] - c * centered[n - 1]) * window[n];
    if (!o->raw_energy) *energy = sum_of_products(row, row, length);
}

/* Values times exp(-2 pi i multiple n / size); cosine, minus sum and difference stand `quarter` apart in the table. */
INLINE void turn(Lanes *re, Lanes *im, const float *table, int quarter) {
    const Lanes total = *re + *im, products[2] = {table[2 * quarter] * *im, table[quarter] * *re};
    fuse(re, table[0], &total, &products[0]);
    fuse(im, table[0], &total, &products[1]);
}

/* One level of the FFT of `size` points; what is left are an FFT of the first half and of either quarter behind it. */
INLINE void butterflies(Lanes *re, Lanes *im, int size, const float *tables) {
    const int half = size / 2, quarter = size / 4;
    if (size == 2) {
        const Lanes r = re[0] - re[1], i = im[0] - im[1];
        re[0] += re[1], im[0] += im[1];
        re[1] = r, im[1] = i;
        return;
    }
    for (int n = 0; n < quarter; n++, re++, im++) {
        const Lanes r1 = re[0] - re[half], r2 = re[quarter] - re[half + quarter];
        const Lanes i1 = im[0] - im[half], i2 = im[quarter] - im[half + quarter];
        re[0] += re[half], re[quarter] += re[half + quarter];
        im[0] += im[half], im[quarter] += im[half + quarter];
        Lanes once_re = r1 + i2, once_im = i1 - r2, thrice_re = r1 - i2, thrice_im = i1 + r2;
        if (n > 0 && 2 * n == quarter) { /* odd multiples of 45 degrees */
            const Lanes once = once_re + once_im, thrice = thrice_re + thrice_im;
            once_im = SQRT_HALF * (once_im - once_re), once_re = SQRT_HALF * once;
            thrice_re = SQRT_HALF * (thrice_im - thrice_re), thrice_im = SQRT_HALF * -thrice;
        } else if (n > 0) {
            turn(&once_re, &once_im, tables + n, quarter);
            turn(&thrice_re, &thrice_im, tables + 3 * quarter + n, quarter);
        }
        re[half] = once_re, re[half + quarter] = thrice_re;
        im[half] = once_im, im[half + quarter] = thrice_im;
    }
}

/* Take the two real halves apart and square: bins k and half - k, from values a and b. */
INLINE void last_stage(const Lanes *re, const Lanes *im, int a, int b, float cosine, float sine, Lanes *k_power, Lanes *mirror_power) {
    const Lanes even_re = 0.5f * (re[a] + re[b]), even_im = 0.5f * (im[a] - im[b]);
    const Lanes odd_re = 0.5f * (im[a] + im[b]), odd_im = -0.5f * (re[a] - re[b]);
    const Lanes turned_re = cosine * odd_re - sine * odd_im, product = sine * odd_re;
    Lanes turned_im;
    fuse(&turned_im, cosine, &odd_im, &product);
    const Lanes r1 = even_re - turned_re, i1 = turned_im - even_im, r2 = even_re + turned_re, i2 = even_im + turned_im;
    *mirror_power = r1 * r1 + i1 * i1;
    *k_power = r2 * r2 + i2 * i2;
}

/* Power spectra, (points / 2 + 1,), of the `points` samples whose even ones are in `re` and odd ones in `im`. */
INLINE void power_spectra(const MelOptions *o, Lanes *re, Lanes *im, Lanes *power) {
    const int half = o->points / 2;
    for (int b = 0; b < o->num_blocks; b++) {
        const int size = o->blocks[2 * b], start = o->blocks[2 * b + 1];
        butterflies(re + start, im + start, size, o->turns + 3 * (half - size));
    }
    for (int k = 1; k <= half / 2; k++)
        last_stage(re, im, o->order[k], o->order[half - k], o->factors[k - 1], o->factors[half / 2 + k - 1], &power[k], &power[half - k]);
    const Lanes low = re[0] + im[0], high = re[0] - im[0];
    power[0] = low * low, power[half] = high * high;
}

/* Even and odd samples of the rows side by side. */
INLINE void into_lanes(const float *rows, int points, Lanes *re, Lanes *im) {
    for (int n = 0; n < points / 2; n++) {
        const float *pair = rows + 2 * n;
        EACH_LANE re[n][l] = pair[l * points];
        EACH_LANE im[n][l] = pair[l * points + 1];
    }
}

static void find_spans(const MelOptions *o) {
    const int bins = o->points / 2 + 1;
    for (int f = 0; f < o->num_filters; f++) {
        const float *filter = o->filters + (ptrdiff_t)f * bins;
        int first = 0, end = bins;
        while (first < end && filter[first] == 0) first++;
        while (end > first && filter[end - 1] == 0) end--;
        o->spans[2 * f] = first, o->spans[2 * f + 1] = end;
    }
}

/* Outputs of the filters for `count` of the lanes, (count, num_filters). */
INLINE void filter(const MelOptions *o, Lanes *power, int count, float *mel) {
    const int bins = o->points / 2 + 1;
    if (!o->use_power)
        for (int k = 0; k < bins; k++) EACH_LANE power[k][l] = sqrtf(power[k][l]);
    for (int f = 0; f < o->num_filters; f++) {
        const float *weights = o->filters + (ptrdiff_t)f * bins;
        Lanes sum = {0};
        for (int k = o->spans[2 * f]; k < o->spans[2 * f + 1]; k++) sum += weights[k] * power[k];
        for (int l = 0; l < count; l++) mel[(ptrdiff_t)l * o->num_filters + f] = sum[l];
    }
}

/* Work, at a multiple of a vector's size: re and im (points / 2, LANES), power (points / 2 + 1, LANES),
   rows (LANES, points), centered (length,). */
INLINE void kaldi_mel_energies(const MelOptions *o, const float *samples, ptrdiff_t shift, ptrdiff_t num_frames, float *work, float *mel, float *energy) {
    const int points = o->points, half = points / 2;
    Lanes *re = (Lanes *)work, *im = re + half, *power = im + half;
    float *rows = (float *)(power + half + 1), *centered = rows + LANES * points;
    memset(rows, 0, sizeof(float) * LANES * points);
    find_spans(o);
    for (ptrdiff_t t = 0; t < num_frames; t += LANES) {
        const int count = num_frames - t < LANES ? (int)(num_frames - t) : LANES;
        for (int l = 0; l < count; l++) windowed(o, samples + (t + l) * shift, 1, centered, rows + l * points, energy + t + l);
        into_lanes(rows, points, re, im);
        power_spectra(o, re, im, power);
        filter(o, power, count, mel + t * o->num_filters);
    }
}

/* Windowed frames with zeros up to `points`, for another FFT; work: (length,). */
INLINE void window_frames(const MelOptions *o, const float *samples, ptrdiff_t shift, ptrdiff_t num_frames, float *work, float *rows, float *energy) {
    for (ptrdiff_t t = 0; t < num_frames; t++) {
        windowed(o, samples + t * shift, 0, work, rows + t * o->points, energy + t);
        memset(rows + t * o->points + o->length, 0, sizeof(float) * (o->points - o->length));
    }
}

/* Outputs of the filters from spectra (num_frames, points / 2 + 1, 2); work: (points / 2 + 1, LANES). */
INLINE void filter_spectra(const MelOptions *o, const float *spectra, ptrdiff_t num_frames, float *work, float *mel) {
    const int bins = o->points / 2 + 1;
    Lanes *power = (Lanes *)work;
    find_spans(o);
    for (ptrdiff_t t = 0; t < num_frames; t += LANES) {
        const int count = num_frames - t < LANES ? (int)(num_frames - t) : LANES;
        for (int l = 0; l < count; l++) {
            const float *pair = spectra + (t + l) * 2 * bins;
            for (int k = 0; k < bins; k++, pair += 2) power[k][l] = pair[0] * pair[0] + pair[1] * pair[1];
        }
        filter(o, power, count, mel + t * o->num_filters);
    }
}

/* out (num_rows, columns) = rows (num_rows, terms) times matrix (terms, columns), each sum in the order of its terms;
   columns is a multiple of LANES. */
INLINE void row_products(const double *rows, ptrdiff_t num_rows, int terms, const double *matrix, int columns, double *out) {
    for (ptrdiff_t t = 0; t < num_rows; t += ROWS) {
        const int count = num_rows - t < ROWS ? (int)(num_rows - t) : ROWS;
        const double *row[ROWS];
        for (int r = 0; r < ROWS; r++) row[r] = rows + (t + (r < count ? r : 0)) * terms;
        for (int c = 0; c < columns; c += LANES) {
            Doubles sums[ROWS][2] = {{{0}}};
            for (int k = 0; k < terms; k++) {
                const Doubles *weights = (const Doubles *)(matrix + (ptrdiff_t)k * columns + c);
                for (int r = 0; r < ROWS; r++) sums[r][0] += row[r][k] * weights[0], sums[r][1] += row[r][k] * weights[1];
            }
            for (int r = 0; r < count; r++) memcpy(out + (t + r) * columns + c, sums[r], sizeof sums[r]);
        }
    }
}

INLINE ptrdiff_t inside(ptrdiff_t t, ptrdiff_t num_rows) {
    return t < 0 ? 0 : t < num_rows ? t : num_rows - 1;
}

/* Rows correlated along time with the 2 reach + 1 taps; the first and the last row go on beyond the ends. Rows begin
   `stride` apart, those of out `out_stride`. */
INLINE void correlate(const float *rows, ptrdiff_t num_rows, ptrdiff_t stride, int columns, const float *taps, int reach, float *out, ptrdiff_t out_stride) {
    for (ptrdiff_t t = 0; t < num_rows; t++) {
        int c = 0;
        for (; c + LANES <= columns; c += LANES) {
            Lanes sum = {0};
            for (int j = -reach; j <= reach; j++) sum += taps[j + reach] * *(const Pieces *)(rows + inside(t + j, num_rows) * stride + c);
            *(Pieces *)(out + t * out_stride + c) = sum;
        }
        for (; c < columns; c++) {
            float sum = 0;
            for (int j = -reach; j <= reach; j++) sum += taps[j + reach] * rows[inside(t + j, num_rows) * stride + c];
            out[t * out_stride + c] = sum;
        }
    }
}

/* out (num_rows, order + 1, columns): rows (num_rows, columns), then for each order correlations of the rows, or where
   `again` of the order before. Taps of all orders, one after the other; order i has reaches[i - 1] on either side. */
INLINE void deltas(const float *rows, ptrdiff_t num_rows, int columns, int order, int again, const float *taps, const int32_t *reaches, float *out) {
    const ptrdiff_t stride = (ptrdiff_t)(order + 1) * columns;
    for (ptrdiff_t t = 0; t < num_rows; t++) memcpy(out + t * stride, rows + t * columns, sizeof(float) * columns);
    for (int i = 1; i <= order; taps += 2 * reaches[i - 1] + 1, i++) {
        if (again) correlate(out + (i - 1) * columns, num_rows, stride, columns, taps, reaches[i - 1], out + i * columns, stride);
        else correlate(rows, num_rows, columns, columns, taps, reaches[i - 1], out + i * columns, stride);
    }
}

/* Each for processors with AVX2 and FMA, and for all. */
#ifdef __x86_64__
#define WIDE __attribute__((target("avx2,fma")))
EXPORT int mel_fuses(void) { return has_avx2(); }
#define VARIANTS(name, parameters, arguments)                          \
    WIDE static void wide_##name parameters { name arguments; }        \
    static void plain_##name parameters { name arguments; }            \
    EXPORT void mel_##name parameters {                                \
        if (mel_fuses()) wide_##name arguments;                        \
        else plain_##name arguments;                                   \
    }
#else
EXPORT int mel_fuses(void) {
#ifdef FP_FAST_FMAF
    return 1;
#else
    return 0;
#endif
}
#define VARIANTS(name, parameters, arguments) \
    EXPORT void mel_##name parameters { name arguments; }
#endif

VARIANTS(kaldi_mel_energies,
         (const MelOptions *o, const float *samples, ptrdiff_t shift, ptrdiff_t n, float *work, float *mel, float *energy),
         (o, samples, shift, n, work, mel, energy))
VARIANTS(window_frames,
         (const MelOptions *o, const float *samples, ptrdiff_t shift, ptrdiff_t n, float *work, float *rows, float *energy),
         (o, samples, shift, n, work, rows, energy))
VARIANTS(filter_spectra, (const MelOptions *o, const float *spectra, ptrdiff_t n, float *work, float *mel),
         (o, spectra, n, work, mel))
VARIANTS(row_products, (const double *rows, ptrdiff_t n, int terms, const double *matrix, int columns, double *out),
         (rows, n, terms, matrix, columns, out))
VARIANTS(deltas,
         (const float *rows, ptrdiff_t n, int columns, int order, int again, const float *taps, const int32_t *reaches, float *out),
         (rows, n, columns, order, again, taps, reaches, out))
