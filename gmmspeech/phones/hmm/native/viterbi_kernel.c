/* Best paths through blocks of frames, compiled: what trellis.py and viterbi.py do in NumPy, to the bit.

   A block has `frames` frames and `nodes` nodes; its scores are rows of (nodes,), row 0 the frame before. Node n is
   entered from itself, from node n - 1, and along arcs, which are sorted by target: those into n are `into[n]` to
   `into[n + 1]` - 1. Its log-likelihood in frame t is `emissions[place[n] + t * stride]`.

   Nothing is allocated and nothing checked here: viterbi_kernel.py does both. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "../../../compiled.h"

#define INLINE static inline __attribute__((always_inline))

typedef struct {
    int64_t frames, nodes, arcs;
    const float *stay, *advance;    /* (nodes,): log probabilities to stay, to come from the node before */
    const int32_t *source, *target; /* (arcs,) */
    const float *weight;            /* (arcs,) */
    const int64_t *into;            /* (nodes + 1,) */
} Block;

/* The larger one; the second where one is not a number. */
INLINE float larger(float a, float b) { return a > b ? a : b; }

/* One frame: scores from those of the frame before. */
INLINE void next_scores(const Block *b, const float *restrict before, const float *restrict emission,
                        const int32_t *restrict place, float *restrict now) {
    const float *restrict stay = b->stay, *restrict advance = b->advance, *restrict weight = b->weight;
    const int32_t *restrict source = b->source, *restrict target = b->target;
    now[0] = before[0] + stay[0];
    for (int64_t n = 1; n < b->nodes; n++) now[n] = larger(before[n - 1] + advance[n], before[n] + stay[n]);
    for (int64_t a = 0; a < b->arcs; a++) now[target[a]] = larger(before[source[a]] + weight[a], now[target[a]]);
    for (int64_t n = 0; n < b->nodes; n++) now[n] += emission[place[n]];
}

INLINE void all_scores(const Block *b, const float *emissions, const int32_t *place, int64_t stride, int64_t rows,
                       float *scores) {
    for (int64_t t = 0; t < b->frames; t++)
        next_scores(b, scores + t % rows * b->nodes, emissions + t * stride, place,
                    scores + (t + 1) % rows * b->nodes);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void scores_by_avx2(const Block *b, const float *emissions,
                                                           const int32_t *place, int64_t stride, int64_t rows,
                                                           float *scores) {
    all_scores(b, emissions, place, stride, rows, scores);
}
#endif

/* Fill the rows of scores, but the first, in turn: where there are fewer of them than frames, the last ones stay. */
EXPORT void viterbi_scores(const Block *b, const float *emissions, const int32_t *place, int64_t stride, int64_t rows,
                           float *scores) {
#ifdef __x86_64__
    if (has_avx2()) {
        scores_by_avx2(b, emissions, place, stride, rows, scores);
        return;
    }
#endif
    all_scores(b, emissions, place, stride, rows, scores);
}

typedef struct {
    int64_t states;
    const float *stay, *advance; /* (states,): log probabilities to stay, to come from the state before */
    const float *out, *in;       /* (states,): to leave a phone from its last state, 0 for its first; else -inf */
    const float *none;           /* (states,): 0 */
} Loop;

#define LANES 8 /* maxima side by side, of which compilers make one vector */

/* Largest sum of two rows. */
INLINE float largest_sum(const float *restrict a, const float *restrict b, int64_t count) {
    float lane[LANES], most = -INFINITY;
    int64_t n = 0;
    for (int i = 0; i < LANES; i++) lane[i] = -INFINITY;
    for (; n + LANES <= count; n += LANES)
        for (int i = 0; i < LANES; i++) lane[i] = larger(a[n + i] + b[n + i], lane[i]);
    for (int i = 0; i < LANES; i++) most = larger(lane[i], most);
    for (; n < count; n++) most = larger(a[n] + b[n], most);
    return most;
}

/* One frame of a loop of phones. */
INLINE void next_in_loop(const Loop *l, const float *restrict before, float choice, const float *restrict emission,
                         float *restrict now) {
    const float *restrict stay = l->stay, *restrict advance = l->advance, *restrict in = l->in;
    const float left = largest_sum(before, l->out, l->states) + choice;
    now[0] = larger(left + in[0], before[0] + stay[0]) + emission[0];
    for (int64_t n = 1; n < l->states; n++)
        now[n] = larger(larger(before[n - 1] + advance[n], left + in[n]), before[n] + stay[n]) + emission[n];
}

INLINE double in_loop(const Loop *l, const float *emissions, int64_t frames, float choice, float *rows) {
    float *before = rows, *now = rows + l->states;
    const float *none = l->none;
    double offset = 0;
    for (int64_t n = 0; n < l->states; n++) before[n] = choice + l->in[n] + emissions[n];
    for (int64_t t = 1; t < frames; t++) {
        const float peak = largest_sum(before, none, l->states);
        for (int64_t n = 0; n < l->states; n++) before[n] -= peak;
        offset += peak;
        next_in_loop(l, before, choice, emissions + t * l->states, now);
        float *spare = before;
        before = now, now = spare;
    }
    return largest_sum(before, l->out, l->states) + offset;
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static double in_loop_by_avx2(const Loop *l, const float *emissions, int64_t frames,
                                                              float choice, float *rows) {
    return in_loop(l, emissions, frames, choice, rows);
}
#endif

/* Score of the best path through any phones, each entered with the same log probability; emissions (frames, states),
   work space (2, states). */
EXPORT double viterbi_loop(const Loop *l, const float *emissions, int64_t frames, float choice, float *rows) {
#ifdef __x86_64__
    if (has_avx2()) return in_loop_by_avx2(l, emissions, frames, choice, rows);
#endif
    return in_loop(l, emissions, frames, choice, rows);
}

/* The node that node n is best come to from, given the scores of the frame before: itself, then the node before it,
   then the sources of arcs in their order, where they are equal. */
static int64_t predecessor(const Block *b, const float *before, int64_t n) {
    int64_t best = n;
    float score = before[n] + b->stay[n];
    if (n > 0 && before[n - 1] + b->advance[n] > score) {
        best = n - 1;
        score = before[n - 1] + b->advance[n];
    }
    for (int64_t a = b->into[n]; a < b->into[n + 1]; a++)
        if (before[b->source[a]] + b->weight[a] > score) {
            best = b->source[a];
            score = before[best] + b->weight[a];
        }
    return best;
}

/* Follow paths back: path p is at node path[last[p], p] in frame last[p]; write its nodes in the frames before, and
   where it was before the block to `origin`. */
EXPORT void viterbi_trace(const Block *b, const float *scores, int64_t paths, const int64_t *last, int64_t *path,
                          int64_t *origin) {
    for (int64_t p = 0; p < paths; p++)
        for (int64_t t = last[p]; t >= 0; t--) {
            int64_t from = predecessor(b, scores + t * b->nodes, path[t * paths + p]);
            *(t > 0 ? path + (t - 1) * paths + p : origin + p) = from;
        }
}
