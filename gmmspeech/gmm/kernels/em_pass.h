/* The kernels for one type of numbers and one instruction set; em_kernel.c includes this file once for each. It defines
   WIDE (0: float, 1: double), VECTOR_BYTES, NV (vectors a tile is wide), TARGET (the function attribute that selects the
   instructions) and NAME (which gives each function its variant's name). */

#if WIDE
#define REAL double
#define INTEGER int64_t
#define UNSIGNED uint64_t
#define SMALL 0x1p-56
#else
#define REAL float
#define INTEGER int32_t
#define UNSIGNED uint32_t
#define SMALL 0x1p-27f
#endif
#define FRAMES_A_WORD (8 * (int)sizeof(INTEGER))
#define VW (VECTOR_BYTES / (WIDE ? 8 : 4)) /* numbers in a vector */
#define TAIL (NV * VW > COLUMNS ? COLUMNS / VW : NV) /* vectors of a tile where less than NV are left */
#define INLINE static inline __attribute__((always_inline)) TARGET
#define EACH_LANE for (int l = 0; l < VW; l++)

/* Lane l of EXCHANGED is lane l ^ half; in the steps of a tree all lanes are combined. Few components feel it. */
#if VW == 16
#define LANES(half) 0 ^ half, 1 ^ half, 2 ^ half, 3 ^ half, 4 ^ half, 5 ^ half, 6 ^ half, 7 ^ half, \
                    8 ^ half, 9 ^ half, 10 ^ half, 11 ^ half, 12 ^ half, 13 ^ half, 14 ^ half, 15 ^ half
#define IN_A_TREE(step) step(8) step(4) step(2) step(1)
#elif VW == 8
#define LANES(half) 0 ^ half, 1 ^ half, 2 ^ half, 3 ^ half, 4 ^ half, 5 ^ half, 6 ^ half, 7 ^ half
#define IN_A_TREE(step) step(4) step(2) step(1)
#elif VW == 4
#define LANES(half) 0 ^ half, 1 ^ half, 2 ^ half, 3 ^ half
#define IN_A_TREE(step) step(2) step(1)
#else
#define LANES(half) 0 ^ half, 1 ^ half
#define IN_A_TREE(step) step(1)
#endif
#if defined(__clang__) || __GNUC__ >= 12
#define EXCHANGED(v, half) __builtin_shufflevector(v, v, LANES(half))
#else
#define EXCHANGED(v, half) __builtin_shuffle(v, (Integers){LANES(half)})
#endif

typedef REAL NAME(Vector) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));
typedef INTEGER NAME(Integers) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));
#define Vector NAME(Vector)
#define Integers NAME(Integers)
#define VECTOR_AT(pointer) (*(Vector *)(pointer))
#define ZERO ((Vector){0})
#define CONST_VECTOR_AT(pointer) (*(const Vector *)(pointer))

/* Rows are cut into groups of COLUMNS numbers, and the groups stand `stride` numbers apart: where number n is. */
#define PLACE(n, stride) ((n) / COLUMNS * (stride) + (n) % COLUMNS)
#define OFFSET(j, stride) PLACE((j) * VW, stride) /* vector j of a tile */

INLINE Vector NAME(larger)(Vector a, Vector b) {
    const Integers first = a > b;
    return (Vector)((first & (Integers)a) | (~first & (Integers)b));
}

/* 2^x for x <= 0, exactly 0 from the smallest exponent down: 2^n by the exponent's bits, 2^f for f in [-1/2, 1/2] by a
   polynomial, of least relative error (1e-7) in float32 and Taylor's in float64. */
INLINE Vector NAME(exp2)(Vector x) {
#if WIDE
    const double rounder = 6755399441055744.0; /* 1.5 * 2^52: adding it rounds to an integer */
    static const double c[] = {6.931471805599453e-01, 2.402265069591007e-01, 5.550410866482158e-02,
                               9.618129107628477e-03, 1.333355814642844e-03, 1.540353039338161e-04,
                               1.525273380405984e-05, 1.321548679014431e-06, 1.017808600923970e-07,
                               7.054911620801123e-09, 4.445538271870812e-10, 2.567843599348820e-11};
    enum { DEGREE = 12, MANTISSA_BITS = 52, LOWEST = -1023 };
#else
    const float rounder = 12582912.f; /* 1.5 * 2^23 */
static const float c[] = {0x1.62e432p-1f, 0x1.ebfbd8p-3f, 0x1.c6ae18p-5f, 0x1.3b3022p-7f, 0x1.5f8c34p-10f, 0x1.404892p-13f};
    enum { DEGREE = 6, MANTISSA_BITS = 23, LOWEST = -127 };
#endif
    x = NAME(larger)(x, ZERO + LOWEST);
    const Vector shifted = x + rounder, f = x - (shifted - rounder);
    Vector p = c[DEGREE - 1] * f + c[DEGREE - 2];
    for (int i = DEGREE - 3; i >= 0; i--) p = p * f + c[i];
    p = p * f + 1;
    return (Vector)((Integers)p + ((Integers)shifted << MANTISSA_BITS));
}

/* out[i][0:vectors] = constant - sum over d of (z[i][d] * precision[d] - mean[d])^2, for DENSITY_ROWS rows. Two multiply-adds
   a dimension, as [z, z^2] by a matrix would take, but a narrow component far from zero loses no digits. */
INLINE void NAME(tile_densities)(const REAL *z, int stride, int dim, const REAL *matrix, long matrix_stride, REAL *out,
                                 long out_stride, int vectors) {
    Vector sum[DENSITY_ROWS][NV];
    for (int i = 0; i < DENSITY_ROWS; i++)
        for (int j = 0; j < vectors; j++) sum[i][j] = ZERO;
    for (int d = 0; d < dim; d++) {
        Vector precision[NV], mean[NV];
        for (int j = 0; j < vectors; j++) {
            const REAL *here = matrix + (1 + 2 * d) * COLUMNS + OFFSET(j, matrix_stride);
            precision[j] = CONST_VECTOR_AT(here), mean[j] = CONST_VECTOR_AT(here + COLUMNS);
        }
        for (int i = 0; i < DENSITY_ROWS; i++) {
            for (int j = 0; j < vectors; j++) {
                const Vector deviation = z[i * stride + d] * precision[j] - mean[j];
                sum[i][j] += deviation * deviation;
            }
        }
    }
    for (int i = 0; i < DENSITY_ROWS; i++)
        for (int j = 0; j < vectors; j++)
            VECTOR_AT(out + i * COLUMNS + OFFSET(j, out_stride)) =
                CONST_VECTOR_AT(matrix + OFFSET(j, matrix_stride)) - sum[i][j];
}

/* out[i][0:vectors] = matrix[0] + sum over f of x[i][f] * matrix[1 + f][0:vectors], for so many rows. */
INLINE void NAME(tile_product)(const REAL *const x[TILE_ROWS], int num_terms, const REAL *matrix, long matrix_stride,
                               REAL *const out[TILE_ROWS], int rows, int vectors) {
    Vector sum[TILE_ROWS][NV];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) sum[i][j] = CONST_VECTOR_AT(matrix + OFFSET(j, matrix_stride));
    for (int f = 0; f < num_terms; f++) {
        Vector column[NV];
        matrix += COLUMNS;
        for (int j = 0; j < vectors; j++) column[j] = CONST_VECTOR_AT(matrix + OFFSET(j, matrix_stride));
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < vectors; j++) sum[i][j] += x[i][f] * column[j];
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) VECTOR_AT(out[i] + j * VW) = sum[i][j];
}

/* sums[i][0:vectors] += sum over t of x[t][i] * joint[t][0:vectors], for `rows` terms i. */
INLINE void NAME(tile_statistics)(const REAL *x, int x_stride, int num_frames, const REAL *joint, REAL *sums,
                                  long sums_stride, int rows, int vectors) {
    Vector sum[TILE_ROWS][NV];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) sum[i][j] = VECTOR_AT(sums + i * COLUMNS + OFFSET(j, sums_stride));
    for (int t = 0; t < num_frames; t++) {
        Vector column[NV];
        for (int j = 0; j < vectors; j++) column[j] = CONST_VECTOR_AT(joint + t * COLUMNS + OFFSET(j, BLOCK * COLUMNS));
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < vectors; j++) sum[i][j] += x[t * x_stride + i] * column[j];
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) VECTOR_AT(sums + i * COLUMNS + OFFSET(j, sums_stride)) = sum[i][j];
}

/* The frames as z = (frame - shift) * scale, `stride` apart, taken in float64: frames may be far from zero. */
INLINE void NAME(standardize)(const REAL *restrict frames, int num_frames, const Mixture *mixture, REAL *restrict z,
                              int stride) {
    const int dim = mixture->dim;
    const double *restrict shift = mixture->shift, *restrict scale = mixture->scale;
    for (int t = 0; t < num_frames; t++, frames += dim, z += stride)
        for (int d = 0; d < dim; d++) z[d] = (REAL)((frames[d] - shift[d]) * scale[d]);
}

/* The row [1, z, z^2] times a factor, from the z that stands in it. */
INLINE void NAME(expand)(REAL *row, int dim, REAL factor) {
    REAL *restrict z = row + 1, *restrict squares = z + dim;
    row[0] = factor;
    for (int d = 0; d < dim; d++) squares[d] = z[d] * z[d] * factor;
    for (int d = 0; d < dim; d++) z[d] *= factor;
}

/* Binary logarithms of weight times density, joint[column / COLUMNS][t][column % COLUMNS], and the largest of every
   frame, largest[t]. */
INLINE void NAME(densities)(const REAL *z, int stride, int num_frames, const Mixture *mixture, REAL *joint, REAL *largest) {
    const int dim = mixture->dim, columns = mixture->columns, num_terms = 2 * dim + 1;
    Vector lanes[BLOCK]; /* largest of each lane's columns */
    for (int t = 0; t < BLOCK; t++) lanes[t] = ZERO - (REAL)INFINITY;
    for (int column = 0, width; column < columns; column += width) {
        const REAL *here = (const REAL *)mixture->matrix + PLACE(column, num_terms * COLUMNS);
        REAL *there = joint + PLACE(column, BLOCK * COLUMNS);
        width = column + NV * VW <= columns ? NV * VW : TAIL * VW;
        for (int t = 0; t < num_frames; t += DENSITY_ROWS) { /* perhaps past num_frames, but within the block */
            REAL *out = there + t * COLUMNS;
            if (width == NV * VW)
                NAME(tile_densities)(z + t * stride, stride, dim, here, num_terms * COLUMNS, out, BLOCK * COLUMNS, NV);
            else
                NAME(tile_densities)(z + t * stride, stride, dim, here, num_terms * COLUMNS, out, BLOCK * COLUMNS, TAIL);
            for (int i = 0; i < DENSITY_ROWS; i++)
                for (int j = 0; j < width / VW; j++)
                    lanes[t + i] = NAME(larger)(lanes[t + i], VECTOR_AT(out + i * COLUMNS + OFFSET(j, BLOCK * COLUMNS)));
        }
    }
    for (int t = 0; t < num_frames; t++) {
        Vector all = lanes[t];
#define STEP(half) all = NAME(larger)(all, EXCHANGED(all, half));
        IN_A_TREE(STEP)
#undef STEP
        largest[t] = all[0];
    }
}

/* Sums of the frames' densities over the largest, total[t]. If `active`, densities take the place of their logarithms,
   and bit t % FRAMES_A_WORD of active[t / FRAMES_A_WORD][column] says whether that of the frame is above SMALL. */
INLINE void NAME(exponentiate)(REAL *joint, int num_frames, int columns, const REAL *largest, REAL *total, INTEGER *active) {
    Vector lanes[BLOCK]; /* sum of each lane's columns */
    for (int t = 0; t < num_frames; t++) lanes[t] = ZERO;
    for (int column = 0; column < columns; column += VW) {
        REAL *place = joint + PLACE(column, BLOCK * COLUMNS);
        for (int word = 0; word * FRAMES_A_WORD < num_frames; word++) {
            const int first = word * FRAMES_A_WORD;
            const int end = first + FRAMES_A_WORD < num_frames ? first + FRAMES_A_WORD : num_frames;
            Integers above = {0};
            for (int t = first; t < end; t++) {
                const Vector density = NAME(exp2)(CONST_VECTOR_AT(place + t * COLUMNS) - largest[t]);
                lanes[t] += density;
                if (!active) continue;
                VECTOR_AT(place + t * COLUMNS) = density;
                above |= (density > SMALL) & (INTEGER)((UNSIGNED)1 << (t - first));
            }
            if (active) *(Integers *)(active + word * columns + column) = above;
        }
    }
    for (int t = 0; t < num_frames; t++) {
        Vector sum = lanes[t];
#define STEP(half) sum += EXCHANGED(sum, half);
        IN_A_TREE(STEP)
#undef STEP
        total[t] = sum[0];
    }
}

/* Statistics of a block, added to sums[column / COLUMNS][term][column % COLUMNS]. */
INLINE void NAME(add_statistics)(const REAL *x, int num_frames, const Mixture *mixture, const REAL *joint, REAL *sums) {
    const int dim = mixture->dim, columns = mixture->columns, num_terms = 2 * dim + 1, stride = ROW_STRIDE(REAL, dim);
    for (int column = 0, width; column < columns; column += width) {
        const REAL *here = joint + PLACE(column, BLOCK * COLUMNS);
        REAL *there = sums + PLACE(column, num_terms * COLUMNS);
        width = column + NV * VW <= columns ? NV * VW : TAIL * VW;
        int f = 0;
#define STATISTICS(rows)                                                                                               \
    if (width == NV * VW)                                                                                              \
        NAME(tile_statistics)(x + f, stride, num_frames, here, there + f * COLUMNS, num_terms * COLUMNS, rows, NV);    \
    else                                                                                                               \
        NAME(tile_statistics)(x + f, stride, num_frames, here, there + f * COLUMNS, num_terms * COLUMNS, rows, TAIL)
        for (; f + TILE_ROWS <= num_terms; f += TILE_ROWS) STATISTICS(TILE_ROWS);
        switch (num_terms - f) { /* odd, as num_terms is */
        case 1: STATISTICS(1); break;
        case 3: STATISTICS(3); break;
        case 5: STATISTICS(5); break;
        }
#undef STATISTICS
    }
}

/* sums[0:vectors] += posterior * (z - center) and squares[0:vectors] += posterior * (z - center)^2 over one component's
   frames. z of frame t begins at z[t * stride]; what stands past the last column is added up too, and not looked at. */
INLINE void NAME(add_frames)(const REAL *z, int stride, const REAL *center, const int *frames, const REAL *posteriors,
                             int count, REAL *sums, REAL *squares, int vectors) {
    Vector sum[SPARSE_VECTORS], square[SPARSE_VECTORS], middle[SPARSE_VECTORS];
    for (int j = 0; j < vectors; j++) {
        sum[j] = VECTOR_AT(sums + j * VW), square[j] = VECTOR_AT(squares + j * VW);
        middle[j] = CONST_VECTOR_AT(center + j * VW);
    }
    for (int i = 0; i < count; i++) {
        const REAL *row = z + (ptrdiff_t)frames[i] * stride;
        for (int j = 0; j < vectors; j++) {
            const Vector value = CONST_VECTOR_AT(row + j * VW) - middle[j], part = posteriors[i] * value;
            sum[j] += part, square[j] += part * value;
        }
    }
    for (int j = 0; j < vectors; j++) VECTOR_AT(sums + j * VW) = sum[j], VECTOR_AT(squares + j * VW) = square[j];
}

/* Statistics of the block's active pairs of a frame and a component, added to sums[column][z - center, its square, 1]. */
INLINE void NAME(add_sparse_statistics)(const REAL *x, int num_frames, const Mixture *mixture, const REAL *joint,
                                        const INTEGER *active, const REAL *factors, REAL *sums) {
    const int dim = mixture->dim, columns = mixture->columns, stride = ROW_STRIDE(REAL, dim);
    const int padded = PADDED(REAL, dim), sums_stride = SPARSE_STRIDE(REAL, dim);
    const int vectors = (dim + VW - 1) / VW;
    for (int column = 0; column < columns; column++, sums += sums_stride) {
        int frames[BLOCK], count = 0;
        REAL posteriors[BLOCK], number = 0;
        for (int word = 0; word * FRAMES_A_WORD < num_frames; word++)
            for (uint64_t bits = (UNSIGNED)active[word * columns + column]; bits; bits &= bits - 1)
                frames[count++] = word * FRAMES_A_WORD + __builtin_ctzll(bits);
        if (!count) continue;
        const REAL *place = joint + PLACE(column, BLOCK * COLUMNS);
        for (int i = 0; i < count; i++) {
            posteriors[i] = place[frames[i] * COLUMNS] * factors[frames[i]];
            number += posteriors[i];
        }
        sums[2 * padded] += number;
        for (int j = 0; j < vectors; j += SPARSE_VECTORS) {
            const REAL *z = x + 1 + j * VW, *center = (const REAL *)mixture->centers + (ptrdiff_t)column * padded + j * VW;
            REAL *here = sums + j * VW, *squares = here + padded;
#define FRAMES(width) NAME(add_frames)(z, stride, center, frames, posteriors, count, here, squares, width)
            switch (vectors - j) {
            case 1: FRAMES(1); break;
            case 2: FRAMES(2); break;
            case 3: FRAMES(3); break;
            case 4: FRAMES(4); break;
            default: FRAMES(SPARSE_VECTORS);
            }
#undef FRAMES
        }
    }
}

/* Whether so few pairs are active that they are faster taken one by one. */
INLINE int NAME(sparse)(const INTEGER *active, int num_frames, int columns) {
    ptrdiff_t pairs = 0;
    for (int word = 0; word * FRAMES_A_WORD < num_frames; word++)
        for (int column = 0; column < columns; column++)
            pairs += __builtin_popcountll((UNSIGNED)active[word * columns + column]);
    return DENSE_SHARE * pairs < (ptrdiff_t)num_frames * columns;
}

/* Put sparse sums [column][z - center, its square, 1] to sums[column / COLUMNS][1, z, z^2][column % COLUMNS]. */
INLINE void NAME(add_transposed)(const double *sparse, const Mixture *mixture, double *sums) {
    const int dim = mixture->dim, num_terms = 2 * dim + 1, padded = PADDED(REAL, dim);
    const REAL *centers = mixture->centers;
    for (int column = 0; column < mixture->columns; column++, sparse += SPARSE_STRIDE(REAL, dim), centers += padded) {
        double *out = sums + PLACE(column, num_terms * COLUMNS);
        const double number = sparse[2 * padded];
        out[0] += number;
        for (int d = 0; d < dim; d++) {
            const double center = centers[d];
            out[(1 + d) * COLUMNS] += sparse[d] + number * center;
            out[(1 + dim + d) * COLUMNS] += sparse[padded + d] + center * (2 * sparse[d] + number * center);
        }
    }
}

INLINE void NAME(move)(REAL *from, double *to, ptrdiff_t size) {
    for (ptrdiff_t i = 0; i < size; i++) to[i] += from[i], from[i] = 0;
}

static TARGET void NAME(accumulate)(const Mixture *mixture, const void *frames, const double *weight,
                                    ptrdiff_t num_frames, void *work, double *peaks, double *totals, double *sums) {
    const int columns = mixture->columns, dim = mixture->dim, num_terms = 2 * dim + 1, stride = ROW_STRIDE(REAL, dim);
    const ptrdiff_t size = (ptrdiff_t)num_terms * columns, sparse_size = (ptrdiff_t)SPARSE_STRIDE(REAL, dim) * columns;
    double *wide_sums = work; /* the order keeps all aligned */
    REAL *sparse_sums = (REAL *)(wide_sums + sparse_size), *rows = sparse_sums + sparse_size;
    REAL *joint = rows + BLOCK * stride, *block_sums = joint + (ptrdiff_t)BLOCK * columns;
    INTEGER *active = (INTEGER *)(block_sums + size);
    REAL *x = rows + ROW_OFFSET(REAL), largest[BLOCK], total[BLOCK];
    for (ptrdiff_t i = 0; i < size; i++) sums[i] = 0, block_sums[i] = 0;
    for (ptrdiff_t i = 0; i < sparse_size; i++) wide_sums[i] = 0, sparse_sums[i] = 0;
    for (ptrdiff_t i = 0; i < BLOCK * stride; i++) rows[i] = 0;
    int dense_blocks = 0, sparse_blocks = 0;
    for (ptrdiff_t start = 0; start < num_frames; start += BLOCK) {
        const int count = num_frames - start < BLOCK ? (int)(num_frames - start) : BLOCK;
        NAME(standardize)((const REAL *)frames + start * dim, count, mixture, x + 1, stride);
        NAME(densities)(x + 1, stride, count, mixture, joint, largest);
        NAME(exponentiate)(joint, count, columns, largest, total, active);
        for (int t = 0; t < count; t++) {
            peaks[start + t] = largest[t], totals[start + t] = total[t];
            /* the posteriors are densities times this */
            total[t] = (REAL)((weight ? weight[start + t] : 1) / total[t]);
        }
        if (mixture->one_by_one || NAME(sparse)(active, count, columns)) {
            NAME(add_sparse_statistics)(x, count, mixture, joint, active, total, sparse_sums);
            sparse_blocks++;
        } else {
            for (int t = 0; t < count; t++) /* a factor of this row is cheaper than one of all densities */
                NAME(expand)(x + t * stride, dim, total[t]);
            NAME(add_statistics)(x, count, mixture, joint, block_sums);
            dense_blocks++;
        }
        const int last = start + count == num_frames;
        if (dense_blocks == BLOCKS_A_SUM || (last && dense_blocks)) NAME(move)(block_sums, sums, size), dense_blocks = 0;
        if (sparse_blocks == BLOCKS_A_SUM || (last && sparse_blocks))
            NAME(move)(sparse_sums, wide_sums, sparse_size), sparse_blocks = 0;
    }
    NAME(add_transposed)(wide_sums, mixture, sums);
}

static TARGET void NAME(log_likelihood)(const Mixture *mixture, const void *frames, ptrdiff_t num_frames, void *work,
                                        double *peaks, double *totals) {
    const int columns = mixture->columns, dim = mixture->dim;
    const int stride = PADDED(REAL, dim);
    REAL *z = work, *joint = z + BLOCK * stride, largest[BLOCK], total[BLOCK];
    for (ptrdiff_t start = 0; start < num_frames; start += BLOCK) {
        const int count = num_frames - start < BLOCK ? (int)(num_frames - start) : BLOCK;
        NAME(standardize)((const REAL *)frames + start * dim, count, mixture, z, stride);
        NAME(densities)(z, stride, count, mixture, joint, largest);
        NAME(exponentiate)(joint, count, columns, largest, total, NULL);
        for (int t = 0; t < count; t++) peaks[start + t] = largest[t], totals[start + t] = total[t];
    }
}

#include "top_c_pass.h"

#undef VW
#undef TAIL
#undef INLINE
#undef EACH_LANE
#undef LANES
#undef IN_A_TREE
#undef EXCHANGED
#undef Vector
#undef Integers
#undef VECTOR_AT
#undef CONST_VECTOR_AT
#undef ZERO
#undef PLACE
#undef OFFSET
#undef REAL
#undef INTEGER
#undef UNSIGNED
#undef SMALL
#undef FRAMES_A_WORD
#undef WIDE
