/* Where the states of a chain begin, by forward-backward over all ways to divide the frames among them, compiled: what
   boundaries.py does in NumPy, with probabilities in place of their logarithms.

   Frame t may be in states first[t] to last[t] - 1; either grows by 1 or not at all from a frame to the next, and state n
   is first possible in frame entry[n]. The scores of a frame stand in a row of width + 2: those of its states from place
   1 on, and 0 on both sides of them. They are counted anew in each frame from the best.

   Nothing is allocated and nothing checked here: chain_kernel.py does both. */

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "../../../compiled.h"
#include "exponential.h"

#define LEAST -126.f /* binary logarithm of what a frame's densities count for at least, beside its best: never 0 */

typedef struct {
    int64_t frames, states, width;
    const int64_t *state, *entry; /* (states,) */
    const int64_t *first, *last;  /* (frames,) */
    const double *stay, *enter;   /* (states + 1,): probabilities to stay, and to come from the state before */
    const float *emissions;       /* (frames, stride): log-likelihoods of the states of the model */
    int64_t stride;
} Chain;

INLINE int64_t count(const Chain *c, int64_t t) { return c->last[t] - c->first[t]; }

/* Put 0 on both sides of a row of scores, and scale it to a largest of 1; tell whether there is one of all
   digits. */
INLINE int renewed(double *row, int64_t number) {
    double most = 0;
    row[0] = row[number + 1] = 0;
    for (int64_t n = 1; n <= number; n++) most = row[n] > most ? row[n] : most;
    const double share = 1 / most;
    for (int64_t n = 1; n <= number; n++) row[n] *= share;
    return most >= DBL_MIN;
}

/* Densities of a frame's states to the power of `scale`, the best of them 1. */
INLINE void densities(const Chain *c, int64_t t, float scale, float *out) {
    const int64_t number = count(c, t);
    const float *emission = c->emissions + t * c->stride;
    float most = -INFINITY;
    for (int64_t n = 0; n < number; n++) {
        out[n] = emission[c->state[c->first[t] + n]];
        most = out[n] > most ? out[n] : most;
    }
    if (most == -INFINITY) most = 0; /* no state fits: all do alike */
    for (int64_t n = 0; n < number; n++) {
        const float x = (out[n] - most) * (scale * LOG2E);
        out[n] = exp2_of(x > LEAST ? x : LEAST);
    }
}

/* Scores of the ways to each state of frame t, from those of the frame before. */
INLINE void forward(const Chain *c, int64_t t, const float *restrict density, const double *restrict before,
                    double *restrict now) {
    const int64_t first = c->first[t], number = count(c, t);
    const double *restrict stay = c->stay + first, *restrict enter = c->enter + first;
    before += first - c->first[t - 1];
    for (int64_t n = 0; n < number; n++)
        now[1 + n] = (before[1 + n] * stay[n] + before[n] * enter[n]) * density[n];
}

/* Scores of the ways from each state of frame t on, from those of the next frame with its densities. */
INLINE void backward(const Chain *c, int64_t t, const double *restrict after, double *restrict now) {
    const int64_t first = c->first[t], number = count(c, t);
    const double *restrict stay = c->stay + first, *restrict enter = c->enter + first;
    after -= c->first[t + 1] - first;
    for (int64_t n = 0; n < number; n++) now[1 + n] = after[1 + n] * stay[n] + after[2 + n] * enter[n + 1];
}

/* Add what frame t tells of the ends of its states, ahead[n] frames from entry[n] and their squares: it lies before the
   end of state n with the probability that it is in state n or one before. Give 0 where all of
   them together have not all digits. */
INLINE int add_moments(const Chain *c, int64_t t, const double *before, const double *after, double *ahead,
                       double *squares) {
    const int64_t first = c->first[t], number = count(c, t);
    double total = 0, sum = 0;
    for (int64_t n = 1; n <= number; n++) total += before[n] * after[n];
    const double whole = 1 / total;
    for (int64_t n = 0; n < number; n++) {
        sum += before[1 + n] * after[1 + n];
        const double share = sum * whole;
        ahead[first + n] += share;
        squares[first + n] += (double)(2 * (t - c->entry[first + n]) + 1) * share;
    }
    return total >= DBL_MIN;
}

/* Mean and variance of the frames from entry[n] to the end of state n. Work space: density (frames, width); scores
   (frames, width + 2), and two rows of such. Gives 0 where the numbers did not suffice, 1 else. */
INLINE int moments(const Chain *c, float scale, float *density, double *scores, double *rows, double *mean,
                   double *variance) {
    const int64_t width = c->width, stride = width + 2;
    for (int64_t t = 0; t < c->frames; t++) densities(c, t, scale, density + t * width);
    for (int64_t n = 0; n < count(c, 0); n++) scores[1 + n] = n == 0;
    int good = renewed(scores, count(c, 0));
    for (int64_t t = 1; t < c->frames; t++) {
        double *now = scores + t * stride;
        forward(c, t, density + t * width, now - stride, now);
        good &= renewed(now, count(c, t));
    }
    for (int64_t n = 0; n < c->states; n++) mean[n] = variance[n] = 0;
    double *after = rows, *now = rows + stride;
    for (int64_t n = 0; n < count(c, c->frames - 1); n++) after[1 + n] = 1;
    for (int64_t t = c->frames - 1;; t--) {
        good &= renewed(after, count(c, t)) && add_moments(c, t, scores + t * stride, after, mean, variance);
        if (t == 0 || !good) break;
        for (int64_t n = 0; n < count(c, t); n++) after[1 + n] *= density[t * width + n];
        backward(c, t - 1, after, now);
        double *spare = after;
        after = now, now = spare;
    }
    for (int64_t n = 0; n < c->states; n++) variance[n] -= mean[n] * mean[n];
    return good;
}

#ifdef __x86_64__
__attribute__((target("avx2,fma"))) static int moments_by_avx2(const Chain *c, float scale, float *density,
                                                               double *scores, double *rows, double *mean,
                                                               double *variance) {
    return moments(c, scale, density, scores, rows, mean, variance);
}
#endif

EXPORT int chain_moments(const Chain *c, float scale, float *density, double *scores, double *rows, double *mean,
                         double *variance) {
#ifdef __x86_64__
    if (has_avx2()) return moments_by_avx2(c, scale, density, scores, rows, mean, variance);
#endif
    return moments(c, scale, density, scores, rows, mean, variance);
}
