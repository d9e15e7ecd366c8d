/* Densities of HMM states from those of their Gaussians, compiled: over the rows of a matrix that belong to each state,
   the largest of a frame (peak), and the sum of the exponentials of what they have less than that (total).

   Nothing is allocated and nothing checked here: mixture_kernel.py does both. */

#include <stddef.h>
#include <stdint.h>

#include "../../../compiled.h"
#include "exponential.h"

#define CHUNK 64 /* frames whose rows stay in the nearest cache until they have been added up */

/* One state's rows over some frames, `stride` numbers from one row to the next. */
INLINE void add_up(const float *joint, ptrdiff_t stride, int64_t rows, int frames, float *restrict peak,
                   float *restrict total) {
    for (int t = 0; t < frames; t++) peak[t] = joint[t], total[t] = 0.f;
    for (int64_t k = 1; k < rows; k++)
        for (int t = 0; t < frames; t++) peak[t] = joint[k * stride + t] > peak[t] ? joint[k * stride + t] : peak[t];
    for (int64_t k = 0; k < rows; k++)
        for (int t = 0; t < frames; t++) total[t] += exp2_of((joint[k * stride + t] - peak[t]) * LOG2E);
}

/* joint (offsets[states], frames); peaks and totals (frames, states). */
INLINE void sums_of_states(const float *joint, int64_t frames, int64_t states, const int64_t *offsets, float *peaks,
                           float *totals) {
    float peak[CHUNK], total[CHUNK];
    for (int64_t start = 0; start < frames; start += CHUNK) {
        const int count = frames - start < CHUNK ? (int)(frames - start) : CHUNK;
        for (int64_t s = 0; s < states; s++) {
            const float *rows = joint + offsets[s] * frames + start;
            if (count == CHUNK)
                add_up(rows, frames, offsets[s + 1] - offsets[s], CHUNK, peak, total);
            else
                add_up(rows, frames, offsets[s + 1] - offsets[s], count, peak, total);
            for (int t = 0; t < count; t++) {
                peaks[(start + t) * states + s] = peak[t];
                totals[(start + t) * states + s] = total[t];
            }
        }
    }
}

#ifdef __x86_64__
__attribute__((target("avx2,fma"))) static void sums_by_avx2(const float *joint, int64_t frames, int64_t states,
                                                             const int64_t *offsets, float *peaks, float *totals) {
    sums_of_states(joint, frames, states, offsets, peaks, totals);
}

#ifdef __clang__
#define WIDE ""
#else
#define WIDE ",prefer-vector-width=512" /* of which GCC else makes use of a half alone */
#endif
__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma" WIDE))) static void
sums_by_avx512(const float *joint, int64_t frames, int64_t states, const int64_t *offsets, float *peaks,
               float *totals) {
    sums_of_states(joint, frames, states, offsets, peaks, totals);
}
#endif

EXPORT void mixture_sums(const float *joint, int64_t frames, int64_t states, const int64_t *offsets, float *peaks,
                         float *totals) {
#ifdef __x86_64__
    if (has_avx512()) {
        sums_by_avx512(joint, frames, states, offsets, peaks, totals);
        return;
    }
    if (has_avx2()) {
        sums_by_avx2(joint, frames, states, offsets, peaks, totals);
        return;
    }
#endif
    sums_of_states(joint, frames, states, offsets, peaks, totals);
}
