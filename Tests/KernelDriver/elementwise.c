#include "driver.h"

#include <math.h>
#include <stdio.h>

static const char *const unaries[] = {"exp",     "square_root", "square", "reciprocal", "absolute",   "negate",
                                      "tanh",    "sigmoid",     "silu",   "gelu",       "quick_gelu", "relu"};
static const char *const binaries[] = {"add", "subtract", "multiply", "divide"};

/// Numbers in −4…4.
static float *spread(intptr_t count, uint64_t seed) {
    float *x = numbers(count, seed);
    for (intptr_t i = 0; i < count; i++) x[i] *= 4;
    return x;
}

static void unary_cases(const struct tensor_kernels *k, intptr_t n) {
    char name[48];
    for (int operation = 0; operation <= tensor_unary_relu; operation++) {
        float *x = spread(n, 1), *y = filled(n, 0);
        // Away from 0, whose reciprocal would dominate the scale of the results.
        for (intptr_t i = 0; i < n; i++)
            if (operation == tensor_unary_square_root || operation == tensor_unary_reciprocal) x[i] = fabsf(x[i]) + 0.1f;
        k->unary(operation, n, x, y);
        snprintf(name, sizeof name, "unary %s", unaries[operation]);
        record(name, bound_elementwise, n, y);
        if (operation < tensor_unary_tanh) continue;
        k->unary_gradient(operation, n, x, numbers(n, 2), y);
        snprintf(name, sizeof name, "unary_gradient %s", unaries[operation]);
        record(name, bound_elementwise, n, y);
    }
}

static void binary_cases(const struct tensor_kernels *k, intptr_t n) {
    char name[48];
    for (int operation = 0; operation <= tensor_binary_divide; operation++)
        for (int broadcast = 0; broadcast <= tensor_broadcast_right; broadcast++) {
            float *b = numbers(broadcast == tensor_broadcast_right ? 1 : n, 3), *y = filled(n, 0);
            for (intptr_t i = 0; i < (broadcast == tensor_broadcast_right ? 1 : n); i++) b[i] += 2;
            k->binary(operation, broadcast, n, spread(broadcast == tensor_broadcast_left ? 1 : n, 4), b, y);
            snprintf(name, sizeof name, "binary %s", binaries[operation]);
            record(name, bound_elementwise, n, y);
        }
}

void elementwise_cases(const struct tensor_kernels *k, intptr_t n) {
    unary_cases(k, n);
    binary_cases(k, n);
    float *y = filled(n, 0);
    k->clamp(n, -0.5f, 0.25f, spread(n, 5), y);
    record("clamp", bound_exact, n, y);
    y = numbers(n, 6);
    k->add_scaled(n, 0.7f, spread(n, 7), y);
    record("add_scaled", bound_elementwise, n, y);
    y = numbers(n, 8);
    k->interpolate(n, 0.3f, spread(n, 9), y);
    record("interpolate", bound_elementwise, n, y);
    for (intptr_t rows = 1; rows <= 3; rows += 2) {
        y = filled(rows * n, 0);
        k->geglu(rows, n, spread(rows * 2 * n, 10), y);
        record("geglu", bound_elementwise, rows * n, y);
        y = filled(rows * 2 * n, 0);
        k->geglu_gradient(rows, n, spread(rows * 2 * n, 10), numbers(rows * n, 11), y);
        record("geglu_gradient", bound_elementwise, rows * 2 * n, y);
    }
    for (int averages = 0; averages <= 1; averages++) {
        float *parameter = numbers(n, 12), *first = numbers(n, 13), *second = numbers(n, 14), *average = numbers(n, 15);
        for (intptr_t i = 0; i < n; i++) second[i] = fabsf(second[i]);
        const struct tensor_adam step = {.count = n,
                                         .parameter = parameter,
                                         .gradient = spread(n, 16),
                                         .factor = 0.7f,
                                         .first = first,
                                         .second = second,
                                         .step_size = 0.1f,
                                         .beta1 = 0.9f,
                                         .beta2 = 0.999f,
                                         .epsilon = 1e-8f,
                                         .second_correction = 0.5f,
                                         .decay = 0.01f,
                                         .average = averages ? average : NULL,
                                         .share = 0.3f};
        k->adam(&step);
        record("adam", bound_elementwise, n, parameter);
        record("adam", bound_elementwise, n, first);
        record("adam", bound_elementwise, n, second);
        record("adam", bound_elementwise, n, average);
    }
    y = filled(n, 0);
    k->widen_half(n, words(n, 17, tensor_scalar_float16), y);
    record("widen_half", bound_exact, n, y);
    k->widen_brain(n, words(n, 18, tensor_scalar_bfloat16), y);
    record("widen_brain", bound_exact, n, y);
    k->widen_bytes(n, bytes(n, 19), 0.37f, y);
    record("widen_bytes", bound_exact, n, y);
    int8_t *integers = bytes(n, 20);
    const float scale = k->quantize(n, numbers(n, 21), integers);
    k->widen_bytes(n, integers, scale, y);
    record("quantize", bound_exact, n, y);
}
