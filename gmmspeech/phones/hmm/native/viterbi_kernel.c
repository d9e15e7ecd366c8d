/* Best paths through blocks of frames, compiled: what trellis.py and viterbi.py do in NumPy, to the bit.

   A block has `frames` frames and `nodes` nodes; its scores are (frames + 1, nodes), row 0 the frame before. Node n is
   entered from itself, from node n - 1, and along arcs, which are sorted by target: those into n are `into[n]` to
   `into[n + 1]` - 1.

   Nothing is allocated and nothing checked here: viterbi_kernel.py does both. */

#include <stddef.h>
#include <stdint.h>

#include "../../../compiled.h"

typedef struct {
    int64_t frames, nodes, arcs;
    const float *stay, *advance;    /* (nodes,): log probabilities to stay, to come from the node before */
    const int64_t *source, *target; /* (arcs,) */
    const float *weight;            /* (arcs,) */
    const int64_t *into;            /* (nodes + 1,) */
} Block;

/* The larger one; NaN if one is, as NumPy has it. */
static inline float larger(float a, float b) { return a >= b || a != a ? a : b; }

/* Log-likelihoods of each frame in the state of each node: what stands at `place` in the first frame and `stride`
   further in each next one, or the last of all where that is beyond the end. */
EXPORT void viterbi_emissions(const float *all, int64_t size, int64_t stride, int64_t frames, int64_t nodes,
                              const int64_t *place, float *out) {
    for (int64_t t = 0; t < frames; t++)
        for (int64_t n = 0; n < nodes; n++) {
            int64_t here = place[n] + t * stride;
            out[t * nodes + n] = all[here < size ? here : size - 1];
        }
}

/* One frame: scores from those of the frame before. */
static void next_scores(const Block *b, const float *restrict before, const float *restrict emission,
                        float *restrict now) {
    const float *restrict stay = b->stay, *restrict advance = b->advance;
    now[0] = before[0] + stay[0];
    for (int64_t n = 1; n < b->nodes; n++) now[n] = larger(before[n] + stay[n], before[n - 1] + advance[n]);
    for (int64_t a = 0; a < b->arcs; a++)
        now[b->target[a]] = larger(now[b->target[a]], before[b->source[a]] + b->weight[a]);
    for (int64_t n = 0; n < b->nodes; n++) now[n] += emission[n];
}

/* Fill all rows of `scores` but the first. */
EXPORT void viterbi_scores(const Block *b, const float *emissions, float *scores) {
    for (int64_t t = 0; t < b->frames; t++)
        next_scores(b, scores + t * b->nodes, emissions + t * b->nodes, scores + (t + 1) * b->nodes);
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
