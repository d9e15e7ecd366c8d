/* The two hot functions, and top-C scoring, compiled: the fast twin of numpy_kernel.py.

   Frames are taken in blocks whose joint densities stay in cache. The binary logarithm of a density is a constant less the
   sum of the squares of z * precision - mean * precision, precision = 1 / (deviation * sqrt(2 log 2)); a column of the
   mixture's matrix has the constant, then precision and product of each dimension in turn. That takes the two
   multiply-adds a dimension that a product of [z, z^2] with a matrix does, and cancels no large terms. Statistics are a
   product of the posteriors with the rows [1, z, z^2]. Both are done in tiles of a few rows by a few vectors that stay in
   registers, and the first leaves its result in the very layout that the second reads. Everything between the two -
   exponentials, their total, the division by it - is done while the block is in cache. Statistics are added up in float64
   every few blocks.

   Columns of a matrix (components, or models) stand in groups of COLUMNS, [column / COLUMNS][row][column % COLUMNS], and
   are padded to whole groups; padded components have the constant -inf. Logarithms of densities are binary, and come
   out as a frame's largest (peak) and the sum of the densities over that (total).

   Few components have a share in a frame of real speech. A block in which few pairs of a frame and a component are active,
   that is, of a density above SMALL of the largest of the frame, has the statistics of these pairs only, about the
   components' centers; the data alone decide it. With narrow components (one_by_one), whose variances sums of z^2 would
   lose, all blocks have. What is left out of a frame is at most SMALL (2^-27 in float32, 2^-56 in float64) a component,
   about 1e-7 of the frame in all for real speech; likelihoods leave out nothing.

   Top-C: the frames that chose a component stand together, less its center, and meet all models in one product, which
   gives the differences of the models' densities from the background's.

   Nothing is allocated and nothing checked here: native_kernel.py does both. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "../../compiled.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi" /* vectors wider than the base instruction set never leave this file */
#endif

#define COLUMNS 16
#define TILE_ROWS 6
#define DENSITY_ROWS 5
#define BLOCK 120       /* frames; a multiple of DENSITY_ROWS */
#define BLOCKS_A_SUM 8  /* float32 sums of this many blocks go into the float64 sums */
#define FRAMES_A_LOG 32 /* totals, each below 2^31, whose product float64 holds */
#define ALIGNMENT 64
#define MAX_TILE_BYTES (4 * 64)
#define DENSE_SHARE 3    /* a block of which less than one of so many pairs of frame and component is active is sparse */
#define SPARSE_VECTORS 5 /* of z that a component's sums are added up of at once, and as many of z^2 */

/* Rows [1, z, z^2] stand so that z is aligned: ROW_OFFSET(real) numbers before the first, ROW_STRIDE(real, dim) apart.
   Sparse sums [z - center, its square, 1] of a component: either part padded, SPARSE_STRIDE(real, dim) numbers in all. */
#define ALIGNED(real) (ALIGNMENT / (int)sizeof(real))
#define PADDED(real, number) (((number) + ALIGNED(real) - 1) / ALIGNED(real) * ALIGNED(real))
#define ROW_OFFSET(real) (ALIGNED(real) - 1)
#define ROW_STRIDE(real, dim) (ALIGNED(real) + PADDED(real, 2 * (dim)))
#define SPARSE_STRIDE(real, dim) (2 * PADDED(real, dim) + ALIGNED(real))

typedef struct {
    const double *shift, *scale; /* (dim,) */
    const void *matrix;          /* [columns / COLUMNS][2 dim + 1][COLUMNS], float or double */
    const void *centers;         /* the means of z, [columns][PADDED(real, dim)], of the same type */
    int32_t dim, columns, one_by_one;
} Mixture;

#define JOIN(function, set, wide) function##_##set##_##wide
#define EXPANDED_JOIN(function, set, wide) JOIN(function, set, wide)
#define NAME(function) EXPANDED_JOIN(function, SET, WIDE)

/* Instruction sets, the plainest first, each for float (WIDE 0) and double (WIDE 1). A tile is NV vectors wide: its
   TILE_ROWS * NV sums, NV vectors of the matrix and a spare must fit 32 registers, or 16 where there are no more. */

#define SET base
#define TARGET
#define VECTOR_BYTES 16
#ifdef __aarch64__
#define NV 4
#else
#define NV 2
#endif
#define WIDE 0
#include "em_pass.h"
#define WIDE 1
#include "em_pass.h"
#undef SET
#undef TARGET
#undef VECTOR_BYTES
#undef NV

#ifdef __x86_64__

#define SET avx2
#define TARGET __attribute__((target("avx2,fma")))
#define VECTOR_BYTES 32
#define NV 2
#define WIDE 0
#include "em_pass.h"
#define WIDE 1
#include "em_pass.h"
#undef SET
#undef TARGET
#undef VECTOR_BYTES
#undef NV

#define SET avx512
#define TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")))
#define VECTOR_BYTES 64
#define NV 4
#define WIDE 0
#include "em_pass.h"
#define WIDE 1
#include "em_pass.h"

#endif

static const struct {
    const char *name;
    void (*accumulate[2])(const Mixture *, const void *, const double *, ptrdiff_t, void *, double *, double *, double *);
    void (*log_likelihood[2])(const Mixture *, const void *, ptrdiff_t, void *, double *, double *);
    void (*top_c[2])(const Mixture *, const void *, ptrdiff_t, int, const void *, int, int, int, void *, double *);
} SETS[] = {
#define ENTRY(set) {#set, {accumulate_##set##_0, accumulate_##set##_1}, {log_likelihood_##set##_0, log_likelihood_##set##_1}, {top_c_##set##_0, top_c_##set##_1}}
    ENTRY(base),
#ifdef __x86_64__
    ENTRY(avx2),
    ENTRY(avx512),
#endif
};

/* Changes with what the functions take: native_kernel.py refuses another one's library, as it does without a compiler. */
EXPORT int em_interface(void) { return 3; }

/* Name of an instruction set that this machine has, the plainest being 0; NULL where there are no more. */
EXPORT const char *em_instruction_set(int set) {
    int usable = 1;
#ifdef __x86_64__
    usable += has_avx2() + has_avx512();
#endif
    return set < usable ? SETS[set].name : NULL;
}

/* Bytes of work space, for top_c = 0 of the first two functions. */
EXPORT size_t em_work_bytes(int wide, int dim, int columns, ptrdiff_t num_frames, int top_c) {
    const size_t terms = 2 * (size_t)dim + 1, chosen = (size_t)num_frames * top_c, real = wide ? sizeof(double) : sizeof(float);
    const size_t stride = wide ? ROW_STRIDE(double, dim) : ROW_STRIDE(float, dim);
    const size_t z = wide ? PADDED(double, dim) : PADDED(float, dim);
    const size_t y = wide ? PADDED(double, 2 * dim) : PADDED(float, 2 * dim);
    const size_t sparse = wide ? SPARSE_STRIDE(double, dim) : SPARSE_STRIDE(float, dim);
    const size_t words = (BLOCK + 8 * real - 1) / (8 * real), joint = (size_t)BLOCK * columns;
    if (!top_c)
        return ALIGNMENT + sizeof(double) * sparse * columns +
               real * (joint + (terms + sparse + words) * columns + BLOCK * stride);
    const size_t scores = chosen * (MAX_TILE_BYTES / real);
    return ALIGNMENT + real * (joint + (num_frames + BLOCK) * z + chosen * (y + 1) + scores) +
           sizeof(int) * (2 * chosen + columns + 2);
}

static void *aligned(void *work) { return (char *)work + (ALIGNMENT - (uintptr_t)work % ALIGNMENT) % ALIGNMENT; }

/* Statistics of num_frames frames (num_frames, dim), weighted unless `weight` is NULL: sums[columns / COLUMNS][1, z,
   z^2][COLUMNS]; peaks and totals (num_frames,). */
EXPORT void em_accumulate(int set, int wide, const Mixture *mixture, const void *frames, const double *weight,
                          ptrdiff_t num_frames, void *work, double *peaks, double *totals, double *sums) {
    SETS[set].accumulate[wide](mixture, frames, weight, num_frames, aligned(work), peaks, totals, sums);
}

EXPORT void em_log_likelihood(int set, int wide, const Mixture *mixture, const void *frames, ptrdiff_t num_frames,
                              void *work, double *peaks, double *totals) {
    SETS[set].log_likelihood[wide](mixture, frames, num_frames, aligned(work), peaks, totals);
}

/* Sum over the frames of every model's log density over the mixture's top_c best components of each frame, out
   (model_columns,). models[model / COLUMNS][component][term][model % COLUMNS] is what the log density has more than the
   mixture's, its terms those of [1, y] or of [1, y, y^2], y = z - center. */
EXPORT void em_top_c(int set, int wide, const Mixture *mixture, const void *frames, ptrdiff_t num_frames, int top_c,
                     const void *models, int num_components, int model_terms, int model_columns, void *work,
              double *out) {
    SETS[set].top_c[wide](mixture, frames, num_frames, top_c, models, num_components, model_terms, model_columns,
                          aligned(work), out);
}
