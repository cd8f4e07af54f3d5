#include "driver.h"

#include <math.h>

static void reductions(const struct tensor_kernels *k, intptr_t n) {
    float *x = numbers(n, 21);
    record_wide("sum", bound_sums, 1, (double[]){k->sum(n, x)});
    record_wide("dot", bound_sums, 1, (double[]){k->dot(n, x, numbers(n, 22))});
    record("maximum", bound_exact, 1, (float[]){k->maximum(n, x)});
    for (intptr_t i = 0; i < n; i++) x[i] = x[i] > 0.5f ? INFINITY : x[i] < -0.5f ? NAN : x[i];
    record_wide("non_finite", bound_exact, 1, (double[]){(double)k->non_finite(n, x)});
    uint16_t *w = words(n, 23, tensor_scalar_float16);
    for (intptr_t i = 0; i < n; i += 3) w[i] |= 0x7c00;
    record_wide("non_finite_words", bound_exact, 1, (double[]){(double)k->non_finite_words(n, w, 0x7c00)});
}

static void normalizations(const struct tensor_kernels *k, intptr_t rows, intptr_t n) {
    const intptr_t all = rows * n;
    float *x = numbers(all, 24), *dy = numbers(all, 25), *scale = numbers(n, 26), *offset = numbers(n, 27);
    float *y = filled(all, 0), *means = filled(rows, 0), *reciprocals = filled(rows, 0);
    double *first = wide(n, 0.5), *second = wide(n, -0.5);
    k->add_columns(rows, n, x, first);
    record_wide("add_columns", bound_sums, n, first);
    k->softmax(rows, n, x, y);
    record("softmax", bound_elementwise, all, y);
    float *dx = filled(all, 0);
    k->softmax_gradient(rows, n, y, dy, dx);
    record("softmax_gradient", bound_elementwise, all, dx);
    k->layer_norm(rows, n, 1e-2f, x, scale, offset, y, means, reciprocals);
    record("layer_norm", bound_elementwise, all, y);
    record("layer_norm", bound_elementwise, rows, means);
    record("layer_norm", bound_elementwise, rows, reciprocals);
    first = wide(n, 0.5);
    k->layer_norm_gradient(rows, n, x, dy, scale, means, reciprocals, dx, first, second);
    record("layer_norm_gradient", bound_elementwise, all, dx);
    record_wide("layer_norm_gradient", bound_elementwise, n, first);
    record_wide("layer_norm_gradient", bound_elementwise, n, second);
    first = wide(n, 0.5), second = wide(n, -0.5);
    k->channel_sums(rows, n, x, dy, first, second);
    record_wide("channel_sums", bound_sums, n, first);
    record_wide("channel_sums", bound_sums, n, second);
    for (int operation = -1; operation <= tensor_unary_silu; operation += tensor_unary_silu + 1) {
        k->channel_affine(rows, n, x, scale, offset, operation, y);
        record("channel_affine", bound_elementwise, all, y);
    }
    k->channel_affine_gradient(rows, n, x, dy, scale, offset, numbers(n, 28), dx);
    record("channel_affine_gradient", bound_elementwise, all, dx);
}

void sum_cases(const struct tensor_kernels *k, intptr_t n) {
    reductions(k, n);
    for (intptr_t rows = 1; rows <= 5; rows += 2) normalizations(k, rows, n);
}
