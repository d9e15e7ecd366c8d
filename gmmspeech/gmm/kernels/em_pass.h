/* The kernels for one type of numbers and one instruction set; em_kernel.c includes this file once for each. It defines
   WIDE (0: float, 1: double), VECTOR_BYTES, NV (vectors a tile is wide), TARGET (the function attribute that selects the
   instructions) and NAME (which gives each function its variant's name). */

#if WIDE
#define REAL double
#define INTEGER int64_t
#else
#define REAL float
#define INTEGER int32_t
#endif
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

/* out[i][0:vectors] = sum over f of x[i][f] * matrix[f][0:vectors], for TILE_ROWS rows. */
INLINE void NAME(tile_product)(const REAL *const x[TILE_ROWS], int num_terms, const REAL *matrix, long matrix_stride,
                               REAL *const out[TILE_ROWS], long out_stride, int vectors) {
    Vector sum[TILE_ROWS][NV];
    for (int i = 0; i < TILE_ROWS; i++)
        for (int j = 0; j < vectors; j++) sum[i][j] = ZERO;
    for (int f = 0; f < num_terms; f++) {
        Vector column[NV];
        for (int j = 0; j < vectors; j++) column[j] = CONST_VECTOR_AT(matrix + f * COLUMNS + OFFSET(j, matrix_stride));
        for (int i = 0; i < TILE_ROWS; i++) {
            for (int j = 0; j < vectors; j++) sum[i][j] += x[i][f] * column[j];
        }
    }
    for (int i = 0; i < TILE_ROWS; i++)
        for (int j = 0; j < vectors; j++) VECTOR_AT(out[i] + OFFSET(j, out_stride)) = sum[i][j];
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

/* The block's rows [1, z, z^2], z = (frame - shift) * scale, taken in float64: frames may be far from zero. */
INLINE void NAME(expand)(const REAL *restrict frames, int num_frames, const Mixture *mixture, REAL *restrict x) {
    const int dim = mixture->dim;
    const double *restrict shift = mixture->shift, *restrict scale = mixture->scale;
    for (int t = 0; t < num_frames; t++, frames += dim, x += 2 * dim + 1) {
        x[0] = 1;
        for (int d = 0; d < dim; d++) {
            const REAL z = (REAL)((frames[d] - shift[d]) * scale[d]);
            x[1 + d] = z, x[1 + dim + d] = z * z;
        }
    }
}

/* Binary logarithms of weight times density, joint[column / COLUMNS][t][column % COLUMNS]. */
INLINE void NAME(densities)(const REAL *x, int num_frames, int num_terms, const REAL *matrix, int columns, REAL *joint) {
    for (int column = 0, width; column < columns; column += width) {
        const REAL *here = matrix + PLACE(column, num_terms * COLUMNS);
        REAL *there = joint + PLACE(column, BLOCK * COLUMNS);
        width = column + NV * VW <= columns ? NV * VW : TAIL * VW;
        for (int t = 0; t < num_frames; t += TILE_ROWS) {
            const REAL *rows[TILE_ROWS];
            REAL *out[TILE_ROWS];
            for (int i = 0; i < TILE_ROWS; i++) /* perhaps past num_frames, but within the BLOCK that there is room for */
                rows[i] = x + (t + i) * num_terms, out[i] = there + (t + i) * COLUMNS;
            if (width == NV * VW)
                NAME(tile_product)(rows, num_terms, here, num_terms * COLUMNS, out, BLOCK * COLUMNS, NV);
            else
                NAME(tile_product)(rows, num_terms, here, num_terms * COLUMNS, out, BLOCK * COLUMNS, TAIL);
        }
    }
}

/* Largest of a frame's densities; `joint` is the frame's place in the first group. */
INLINE REAL NAME(peak)(const REAL *joint, int columns) {
    Vector largest = CONST_VECTOR_AT(joint);
    for (int column = VW; column < columns; column += VW)
        largest = NAME(larger)(largest, CONST_VECTOR_AT(joint + PLACE(column, BLOCK * COLUMNS)));
#define STEP(half) largest = NAME(larger)(largest, EXCHANGED(largest, half));
    IN_A_TREE(STEP)
#undef STEP
    return largest[0];
}

/* Sum of a frame's densities over the largest, which take the place of their logarithms if `keep`. */
INLINE REAL NAME(exponentiate)(REAL *joint, int columns, REAL peak, int keep) {
    Vector sum = ZERO;
    for (int column = 0; column < columns; column += VW) {
        REAL *place = joint + PLACE(column, BLOCK * COLUMNS);
        const Vector density = NAME(exp2)(CONST_VECTOR_AT(place) - peak);
        if (keep) VECTOR_AT(place) = density;
        sum += density;
    }
#define STEP(half) sum += EXCHANGED(sum, half);
    IN_A_TREE(STEP)
#undef STEP
    return sum[0];
}

/* Statistics of a block, added to sums[column / COLUMNS][term][column % COLUMNS]. */
INLINE void NAME(add_statistics)(const REAL *x, int num_frames, int num_terms, const REAL *joint, int columns, REAL *sums) {
    for (int column = 0, width; column < columns; column += width) {
        const REAL *here = joint + PLACE(column, BLOCK * COLUMNS);
        REAL *there = sums + PLACE(column, num_terms * COLUMNS);
        width = column + NV * VW <= columns ? NV * VW : TAIL * VW;
        int f = 0;
#define STATISTICS(rows)                                                                                               \
    if (width == NV * VW)                                                                                              \
        NAME(tile_statistics)(x + f, num_terms, num_frames, here, there + f * COLUMNS, num_terms * COLUMNS, rows, NV); \
    else                                                                                                               \
        NAME(tile_statistics)(x + f, num_terms, num_frames, here, there + f * COLUMNS, num_terms * COLUMNS, rows, TAIL)
        for (; f + TILE_ROWS <= num_terms; f += TILE_ROWS) STATISTICS(TILE_ROWS);
        switch (num_terms - f) { /* odd, as num_terms is */
        case 1: STATISTICS(1); break;
        case 3: STATISTICS(3); break;
        case 5: STATISTICS(5); break;
        }
#undef STATISTICS
    }
}

static TARGET void NAME(accumulate)(const Mixture *mixture, const void *frames, const double *weight,
                                    ptrdiff_t num_frames, void *work, double *peaks, double *totals, double *sums) {
    const int columns = mixture->columns, dim = mixture->dim, num_terms = 2 * dim + 1;
    const ptrdiff_t size = (ptrdiff_t)num_terms * columns;
    REAL *joint = work, *block_sums = joint + (ptrdiff_t)BLOCK * columns, *x = block_sums + size;
    for (ptrdiff_t i = 0; i < size; i++) sums[i] = 0, block_sums[i] = 0;
    int blocks = 0;
    for (ptrdiff_t start = 0; start < num_frames; start += BLOCK) {
        const int count = num_frames - start < BLOCK ? (int)(num_frames - start) : BLOCK;
        NAME(expand)((const REAL *)frames + start * dim, count, mixture, x);
        NAME(densities)(x, count, num_terms, mixture->matrix, columns, joint);
        for (int t = 0; t < count; t++) {
            const REAL peak = NAME(peak)(joint + t * COLUMNS, columns);
            const REAL total = NAME(exponentiate)(joint + t * COLUMNS, columns, peak, 1);
            /* the posteriors are densities over their total: dividing this row is cheaper than dividing those */
            const REAL factor = (REAL)((weight ? weight[start + t] : 1) / total);
            for (int f = 0; f < num_terms; f++) x[t * num_terms + f] *= factor;
            peaks[start + t] = peak, totals[start + t] = total;
        }
        NAME(add_statistics)(x, count, num_terms, joint, columns, block_sums);
        if (++blocks == BLOCKS_A_SUM || start + count == num_frames) {
            for (ptrdiff_t i = 0; i < size; i++) sums[i] += block_sums[i], block_sums[i] = 0;
            blocks = 0;
        }
    }
}

static TARGET void NAME(log_likelihood)(const Mixture *mixture, const void *frames, ptrdiff_t num_frames, void *work,
                                        double *peaks, double *totals) {
    const int columns = mixture->columns, dim = mixture->dim;
    REAL *joint = work, *x = joint + (ptrdiff_t)BLOCK * columns;
    for (ptrdiff_t start = 0; start < num_frames; start += BLOCK) {
        const int count = num_frames - start < BLOCK ? (int)(num_frames - start) : BLOCK;
        NAME(expand)((const REAL *)frames + start * dim, count, mixture, x);
        NAME(densities)(x, count, 2 * dim + 1, mixture->matrix, columns, joint);
        for (int t = 0; t < count; t++) {
            const REAL peak = NAME(peak)(joint + t * COLUMNS, columns);
            peaks[start + t] = peak, totals[start + t] = NAME(exponentiate)(joint + t * COLUMNS, columns, peak, 0);
        }
    }
}

/* The top_c largest densities of a frame, largest first, and their columns. */
INLINE void NAME(choose)(const REAL *joint, int columns, int top_c, REAL *values, int *chosen) {
    for (int c = 0; c < top_c; c++) values[c] = -INFINITY, chosen[c] = 0;
    for (int column = 0; column < columns; column++) {
        const REAL value = joint[PLACE(column, BLOCK * COLUMNS)];
        if (!(value > values[top_c - 1])) continue;
        int c = top_c - 1;
        for (; c > 0 && value > values[c - 1]; c--) values[c] = values[c - 1], chosen[c] = chosen[c - 1];
        values[c] = value, chosen[c] = column;
    }
}

/* Sums over all frames of the models' log densities in vector `j` of a strip: scores[t][c][width] are differences from
   the background's values[t][c]. */
INLINE void NAME(add_log_sums)(const REAL *scores, int width, const REAL *values, ptrdiff_t num_frames, int top_c,
                               double *out) {
    double product[VW];
    EACH_LANE product[l] = 1;
    for (ptrdiff_t t = 0; t < num_frames; t++, scores += (ptrdiff_t)top_c * width, values += top_c) {
        Vector peak = CONST_VECTOR_AT(scores) + values[0], total = ZERO;
        for (int c = 1; c < top_c; c++) peak = NAME(larger)(peak, CONST_VECTOR_AT(scores + c * width) + values[c]);
        for (int c = 0; c < top_c; c++) total += NAME(exp2)(CONST_VECTOR_AT(scores + c * width) + values[c] - peak);
        REAL peaks[VW], totals[VW];
        VECTOR_AT(peaks) = peak, VECTOR_AT(totals) = total;
        EACH_LANE out[l] += peaks[l], product[l] *= totals[l];
        if (t % FRAMES_A_LOG == FRAMES_A_LOG - 1 || t == num_frames - 1) /* one logarithm for many frames */
            EACH_LANE out[l] += log2(product[l]), product[l] = 1;
    }
}

static TARGET void NAME(top_c)(const Mixture *mixture, const void *frames, ptrdiff_t num_frames, int top_c,
                               const void *models, int model_terms, int model_columns, void *work, double *out) {
    const int columns = mixture->columns, dim = mixture->dim, num_terms = 2 * dim + 1;
    const ptrdiff_t num_chosen = num_frames * top_c;
    REAL *joint = work, *x = joint + (ptrdiff_t)BLOCK * columns;
    REAL *values = x + (num_frames + BLOCK) * num_terms, *scores = values + num_chosen;
    int *chosen = (int *)(scores + num_chosen * NV * VW), *order = chosen + num_chosen, *starts = order + num_chosen;

    for (ptrdiff_t start = 0; start < num_frames; start += BLOCK) {
        const int count = num_frames - start < BLOCK ? (int)(num_frames - start) : BLOCK;
        NAME(expand)((const REAL *)frames + start * dim, count, mixture, x + start * num_terms);
        NAME(densities)(x + start * num_terms, count, num_terms, mixture->matrix, columns, joint);
        for (int t = 0; t < count; t++)
            NAME(choose)(joint + t * COLUMNS, columns, top_c, values + (start + t) * top_c, chosen + (start + t) * top_c);
    }

    /* order: the places (frame, rank) sorted by component; starts[k + 1]: where those of component k end */
    for (int k = 0; k <= columns + 1; k++) starts[k] = 0;
    for (ptrdiff_t i = 0; i < num_chosen; i++) starts[chosen[i] + 2]++;
    for (int k = 1; k <= columns + 1; k++) starts[k] += starts[k - 1];
    for (ptrdiff_t i = 0; i < num_chosen; i++) order[starts[chosen[i] + 1]++] = (int)i;

    for (int m = 0; m < model_columns; m++) out[m] = 0;
    for (int column = 0, width; column < model_columns; column += width) {
        width = column + NV * VW <= model_columns ? NV * VW : TAIL * VW;
        for (int k = 0; k < columns; k++) {
            const REAL *here = (const REAL *)models + (ptrdiff_t)k * model_terms * model_columns +
                               PLACE(column, model_terms * COLUMNS);
            for (int first = starts[k]; first < starts[k + 1]; first += TILE_ROWS) {
                const REAL *rows[TILE_ROWS];
                REAL *there[TILE_ROWS];
                for (int i = 0; i < TILE_ROWS; i++) { /* the last one stands in for those that are not there */
                    const int place = order[first + i < starts[k + 1] ? first + i : starts[k + 1] - 1];
                    rows[i] = x + place / top_c * num_terms, there[i] = scores + (ptrdiff_t)place * width;
                }
                if (width == NV * VW)
                    NAME(tile_product)(rows, model_terms, here, model_terms * COLUMNS, there, COLUMNS, NV);
                else
                    NAME(tile_product)(rows, model_terms, here, model_terms * COLUMNS, there, COLUMNS, TAIL);
            }
        }
        for (int m = 0; m < width; m += VW)
            NAME(add_log_sums)(scores + m, width, values, num_frames, top_c, out + column + m);
    }
}

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
#undef WIDE
