/* Scores of models over the top_c best components of each frame; em_pass.h includes this file, with its names. */

/* The top_c largest densities of a frame, largest first, and their columns. None of them is below the least that those
   chosen for another frame, `guess`, have in this one, which spares most of the sorting if that is the frame before. */
INLINE void NAME(choose)(const REAL *joint, int columns, int top_c, const int *guess, REAL *values, int *chosen) {
    REAL least = INFINITY;
    for (int c = 0; c < top_c; c++) {
        const REAL value = guess ? joint[PLACE(guess[c], BLOCK * COLUMNS)] : -INFINITY;
        if (value < least) least = value;
        values[c] = -INFINITY, chosen[c] = 0;
    }
    Integers lanes;
    EACH_LANE lanes[l] = (INTEGER)1 << l;
    for (int column = 0; column < columns; column += COLUMNS) {
        const REAL *group = joint + PLACE(column, BLOCK * COLUMNS), last = values[top_c - 1];
        Integers above = {0}; /* a bit for every column of the group */
        for (int l = 0; l < COLUMNS; l += VW) {
            const Vector value = CONST_VECTOR_AT(group + l);
            above |= ((value >= least) & (value > last) & lanes) << l;
        }
#define STEP(half) above |= EXCHANGED(above, half);
        IN_A_TREE(STEP)
#undef STEP
        for (uint64_t bits = above[0]; bits; bits &= bits - 1) {
            const int l = __builtin_ctzll(bits);
            int c = top_c - 1;
            if (!(group[l] > values[c])) continue;
            for (; c > 0 && group[l] > values[c - 1]; c--) values[c] = values[c - 1], chosen[c] = chosen[c - 1];
            values[c] = group[l], chosen[c] = column + l;
        }
    }
}

/* Sums over all frames of the models' log densities in a strip, so many vectors wide: scores[t][c] are differences from
   the background's values[t][c]. */
INLINE void NAME(add_log_sums)(const REAL *scores, const REAL *values, ptrdiff_t num_frames, int top_c, double *out,
                               int vectors) {
    const int width = vectors * VW;
    double product[NV * VW];
    for (int m = 0; m < width; m++) product[m] = 1;
    for (ptrdiff_t t = 0; t < num_frames; t++, scores += (ptrdiff_t)top_c * width, values += top_c) {
        Vector peak[NV], total[NV]; /* of all vectors side by side, as each is a long chain */
        for (int j = 0; j < vectors; j++) peak[j] = CONST_VECTOR_AT(scores + j * VW) + values[0], total[j] = ZERO;
        for (int c = 1; c < top_c; c++)
            for (int j = 0; j < vectors; j++)
                peak[j] = NAME(larger)(peak[j], CONST_VECTOR_AT(scores + c * width + j * VW) + values[c]);
        for (int c = 0; c < top_c; c++)
            for (int j = 0; j < vectors; j++)
                total[j] += NAME(exp2)(CONST_VECTOR_AT(scores + c * width + j * VW) + values[c] - peak[j]);
        REAL peaks[NV * VW], totals[NV * VW];
        for (int j = 0; j < vectors; j++) VECTOR_AT(peaks + j * VW) = peak[j], VECTOR_AT(totals + j * VW) = total[j];
        for (int m = 0; m < width; m++) out[m] += peaks[m], product[m] *= totals[m];
        if (t % FRAMES_A_LOG == FRAMES_A_LOG - 1 || t == num_frames - 1) /* one logarithm for many frames */
            for (int m = 0; m < width; m++) out[m] += log2(product[m]), product[m] = 1;
    }
}

/* out = [y, y^2], or y alone where there are no more terms, y = z - center. */
INLINE void NAME(center)(const REAL *z, const REAL *center, int dim, int num_terms, REAL *out) {
    for (int d = 0; d < dim; d += VW) VECTOR_AT(out + d) = CONST_VECTOR_AT(z + d) - CONST_VECTOR_AT(center + d);
    for (int d = 0; d < num_terms - dim; d++) out[dim + d] = out[d] * out[d];
}

static TARGET void NAME(top_c)(const Mixture *mixture, const void *frames, ptrdiff_t num_frames, int top_c,
                               const void *models, int num_components, int model_terms, int model_columns, void *work,
                               double *out) {
    const int columns = mixture->columns, dim = mixture->dim, z_stride = PADDED(REAL, dim), stride = PADDED(REAL, model_terms - 1);
    const ptrdiff_t num_chosen = num_frames * top_c;
    REAL *joint = work, *z = joint + (ptrdiff_t)BLOCK * columns, *x = z + (num_frames + BLOCK) * z_stride;
    REAL *scores = x + num_chosen * PADDED(REAL, 2 * dim);
    REAL *values = scores + num_chosen * NV * VW, largest[BLOCK];
    int *chosen = (int *)(values + num_chosen), *order = chosen + num_chosen, *starts = order + num_chosen;

    for (ptrdiff_t start = 0; start < num_frames; start += BLOCK) {
        const int count = num_frames - start < BLOCK ? (int)(num_frames - start) : BLOCK;
        NAME(standardize)((const REAL *)frames + start * dim, count, mixture, z + start * z_stride, z_stride);
        NAME(densities)(z + start * z_stride, z_stride, count, mixture, joint, largest);
        for (int t = 0; t < count; t++) {
            int *here = chosen + (start + t) * top_c;
            NAME(choose)(joint + t * COLUMNS, columns, top_c, start + t ? here - top_c : NULL, values + (start + t) * top_c, here);
        }
    }

    /* order: the places (frame, rank) sorted by component; starts[k + 1]: where those of component k end */
    for (int k = 0; k <= columns + 1; k++) starts[k] = 0;
    for (ptrdiff_t i = 0; i < num_chosen; i++) starts[chosen[i] + 2]++;
    for (int k = 1; k <= columns + 1; k++) starts[k] += starts[k - 1];
    for (ptrdiff_t i = 0; i < num_chosen; i++) order[starts[chosen[i] + 1]++] = (int)i;

    for (int k = 0; k < num_components; k++)
        for (int i = starts[k]; i < starts[k + 1]; i++)
            NAME(center)(z + (ptrdiff_t)(order[i] / top_c) * z_stride, (const REAL *)mixture->centers + (long)k * z_stride, dim,
                         model_terms - 1, x + (ptrdiff_t)i * stride);

    for (int m = 0; m < model_columns; m++) out[m] = 0;
    const long group_stride = (long)num_components * model_terms * COLUMNS;
    for (int column = 0, width; column < model_columns; column += width) {
        width = column + NV * VW <= model_columns ? NV * VW : TAIL * VW;
        for (int k = 0; k < num_components; k++) {
            const REAL *here = (const REAL *)models + PLACE(column, group_stride) + (long)k * model_terms * COLUMNS;
            for (int first = starts[k], rows; first < starts[k + 1]; first += rows) {
                const REAL *row[TILE_ROWS];
                REAL *there[TILE_ROWS];
                rows = first + TILE_ROWS / 2 < starts[k + 1] ? TILE_ROWS : TILE_ROWS / 2;
                for (int r = 0; r < rows; r++) { /* the last one stands in for those that are not there */
                    const int number = first + r < starts[k + 1] ? first + r : starts[k + 1] - 1;
                    row[r] = x + (ptrdiff_t)number * stride, there[r] = scores + (ptrdiff_t)order[number] * width;
                }
#define PRODUCT(rows, vectors) NAME(tile_product)(row, model_terms - 1, here, group_stride, there, rows, vectors)
                if (width == NV * VW && rows == TILE_ROWS)
                    PRODUCT(TILE_ROWS, NV);
                else if (width == NV * VW)
                    PRODUCT(TILE_ROWS / 2, NV);
                else if (rows == TILE_ROWS)
                    PRODUCT(TILE_ROWS, TAIL);
                else
                    PRODUCT(TILE_ROWS / 2, TAIL);
#undef PRODUCT
            }
        }
        if (width == NV * VW)
            NAME(add_log_sums)(scores, values, num_frames, top_c, out + column, NV);
        else
            NAME(add_log_sums)(scores, values, num_frames, top_c, out + column, TAIL);
    }
}
