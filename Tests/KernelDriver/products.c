#include "driver.h"

#include <stdio.h>

static intptr_t rounded_up(intptr_t n, intptr_t multiple) { return (n + multiple - 1) / multiple * multiple; }

/// A right-hand matrix packed into panels.
static float *packed(const struct tensor_product_kernels *k, const struct tensor_matrix *matrix, intptr_t rows,
                     intptr_t columns) {
    const intptr_t panels = rounded_up(columns, k->panel_width) / k->panel_width;
    float *result = filled(panels * rounded_up(rows, k->row_multiple) * k->row_bytes / (intptr_t)sizeof(float), 0);
    k->pack(matrix, rows, columns, result);
    return result;
}

/// A product whose left operand is packed first, if the kernels read it so.
static void multiply(const struct tensor_product_kernels *k, const struct tensor_product *given) {
    struct tensor_product product = *given;
    if (k->pack_left != NULL) {
        const struct tensor_matrix left = {.base = product.left,
                                           .scalar = tensor_scalar_float32,
                                           .row_stride = product.left_row_stride,
                                           .column_stride = product.left_column_stride};
        const intptr_t count = rounded_up(product.rows, k->strip_height) * rounded_up(product.depth, k->row_multiple);
        float *memory = filled(count * k->left_number_bytes / (intptr_t)sizeof(float), 0);
        k->pack_left(&left, product.rows, product.depth, memory);
        product.left = memory;
        product.left_row_stride = product.depth;
    }
    k->multiply(&product);
}

/// The width of the panels differs between tables, so packed matrices are compared by their products.
static void pack_cases(const struct tensor_kernels *all, int precision, intptr_t rows, intptr_t columns, intptr_t height) {
    enum bound bound;
    const char *precision_name;
    const struct tensor_product_kernels *k = of_precision(all, precision, &bound, &precision_name);
    static const char *const types[] = {"float32", "float16", "bfloat16", "int8"}, *const layouts[] = {"rows", "columns", "scattered"};
    char name[48];
    for (int scalar = 0; scalar <= tensor_scalar_int8; scalar++)
        for (int layout = 0; layout < 3; layout++) {
            // Rows with gaps between them, so that the number after the end of a row is not the next row's first.
            const intptr_t row_stride = layout == 0 ? columns + 3 : layout == 1 ? 1 : 2 * columns + 1;
            const intptr_t column_stride = layout == 0 ? 1 : layout == 1 ? rows + 3 : 2;
            const intptr_t count = (rows - 1) * row_stride + (columns - 1) * column_stride + 1;
            const void *base = scalar == tensor_scalar_float32 ? (const void *)numbers(count, 31)
                               : scalar == tensor_scalar_int8  ? (const void *)bytes(count, 31)
                                                               : (const void *)words(count, 31, scalar);
            const bool has_column_scales = layout == 1;
            const struct tensor_matrix matrix = {base,
                                                 scalar,
                                                 row_stride,
                                                 column_stride,
                                                 numbers(has_column_scales ? columns : rows, 30),
                                                 has_column_scales ? 0 : 1,
                                                 has_column_scales ? 1 : 0};
            float *c = filled(height * columns, 0);
            const struct tensor_product product = {.rows = height,
                                                   .columns = columns,
                                                   .depth = rows,
                                                   .left = numbers(height * rows, 32),
                                                   .left_row_stride = rows,
                                                   .left_column_stride = 1,
                                                   .panels = packed(k, &matrix, rows, columns),
                                                   .panel_rows = rows,
                                                   .result = c,
                                                   .result_stride = columns};
            multiply(k, &product);
            snprintf(name, sizeof name, "%s: pack %s %s, multiply", precision_name, types[scalar], layouts[layout]);
            record(name, bound, height * columns, c);
        }
}

static void multiply_cases(const struct tensor_kernels *all, int precision, intptr_t m, intptr_t n, intptr_t depth) {
    enum bound bound;
    const char *precision_name;
    char name[48];
    const struct tensor_product_kernels *k = of_precision(all, precision, &bound, &precision_name);
    const struct tensor_matrix matrix = {
        .base = numbers(depth * n, 33), .scalar = tensor_scalar_float32, .row_stride = n, .column_stride = 1};
    const float *bias = numbers(n, 35), *addend = numbers(m * n, 36);
    struct tensor_product product = {.rows = m,
                                     .columns = n,
                                     .depth = depth,
                                     .left = numbers(m * depth, 34),
                                     .panels = packed(k, &matrix, depth, n),
                                     .panel_rows = depth,
                                     .result_stride = n};
    for (int transposed = 0; transposed <= 1; transposed++)
        for (int added = 0; added <= 1; added++) {
            product.left_row_stride = transposed ? 1 : depth;
            product.left_column_stride = transposed ? m : 1;
            product.bias = added ? bias : NULL;
            product.addend = added ? addend : NULL;
            product.result = filled(m * n, 0);
            multiply(k, &product);
            snprintf(name, sizeof name, "%s: multiply%s", precision_name, transposed ? ", left operand transposed" : "");
            record(name, bound, m * n, product.result);
        }
    product.left_row_stride = depth;
    product.left_column_stride = 1;
    product.bias = NULL;
    // The addend may be the result itself.
    product.addend = product.result = numbers(m * n, 37);
    multiply(k, &product);
    snprintf(name, sizeof name, "%s: multiply", precision_name);
    record(name, bound, m * n, product.result);
}

static void patch_cases(const struct tensor_kernels *k, intptr_t n) {
    static const struct {
        intptr_t stride, upsampling;
        bool transposed;
    } kinds[] = {{1, 1, false}, {2, 1, false}, {1, 2, false}, {1, 1, true}, {2, 1, true}};
    const intptr_t height = 1 + n % 7, width = 1 + n % 5, channels = n;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct tensor_patch_geometry geometry = {
            .source_height = height,
            .source_width = width,
            .channels = channels,
            .target_height = height,
            .target_width = width + 1,
            .kernel_height = 3,
            .kernel_width = 3,
            .stride = kinds[i].stride,
            .padding_top = 1,
            .padding_left = 1,
            .upsampling = kinds[i].upsampling,
            .transposed = kinds[i].transposed};
        const intptr_t pixels = height * (width + 1) - 1;
        float *patches = filled(pixels * 7 * channels, 9);
        k->gather_patches(&geometry, numbers(height * width * channels, 38), 1, pixels, 2, 7, patches);
        record("gather_patches", bound_exact, pixels * 7 * channels, patches);
    }
}

void product_cases(const struct tensor_kernels *k, intptr_t n) {
    for (int precision = 0; precision < precisions; precision++) {
        pack_cases(k, precision, n, 1 + n * 7 % largest_size, 1 + n * 5 % 13);
        pack_cases(k, precision, 1 + n * 3 % largest_size, n, 2);
        multiply_cases(k, precision, n, 1 + n * 11 % largest_size, 1 + n * 5 % largest_size);
        multiply_cases(k, precision, 1 + n * 5 % 29, n, n);
        // Deeper than the rows of a panel per pass over the result.
        if (n % 16 == 0) multiply_cases(k, precision, 3, n + 1, 1280 + n);
    }
    patch_cases(k, n);
}
