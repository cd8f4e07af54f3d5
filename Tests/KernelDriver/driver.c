// Runs every kernel of one instruction set at all sizes from 1 to 67, on memory of exactly the size it may access, and writes
// the results to a file; or compares two such files; or prints the name of the kernels that a program would use. Written in C,
// so that it runs where Swift does not: under emulation of another processor, and under clang's sanitizers.
//
//     driver run TABLE FILE
//     driver compare EXPECTED FOUND
//     driver chosen

#include "driver.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { name_length = 48, most_kernels = 256, most_blocks = 4096 };

struct header {
    char kernel[name_length];
    int64_t bound, count;
};

static void *blocks[most_blocks];
static int block_count;
static FILE *output;

static void *keep(void *block) {
    if (block == NULL || block_count == most_blocks) {
        fprintf(stderr, "driver: no memory\n");
        exit(1);
    }
    return blocks[block_count++] = block;
}

void release(void) {
    while (block_count > 0) free(blocks[--block_count]);
}

static float number(uint64_t *state) {
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (float)((double)((z ^ (z >> 31)) >> 40) / 8388608.0 - 1.0);
}

float *numbers(intptr_t count, uint64_t seed) {
    float *x = keep(malloc((size_t)count * sizeof *x));
    for (intptr_t i = 0; i < count; i++) x[i] = number(&seed);
    return x;
}

uint16_t *words(intptr_t count, uint64_t seed, int scalar) {
    uint16_t *x = keep(malloc((size_t)count * sizeof *x));
    for (intptr_t i = 0; i < count; i++) {
        const float wanted = number(&seed);
        uint32_t bits;
        memcpy(&bits, &wanted, sizeof bits);
        // Truncated, so that both types represent it exactly.
        const uint32_t exponent = bits >> 23 & 255, mantissa = bits >> 13 & 1023;
        x[i] = (uint16_t)(scalar == tensor_scalar_bfloat16 ? bits >> 16
                          : exponent < 113                 ? bits >> 16 & 0x8000
                                                           : (bits >> 16 & 0x8000) | (exponent - 112) << 10 | mantissa);
    }
    return x;
}

int8_t *bytes(intptr_t count, uint64_t seed) {
    int8_t *x = keep(malloc((size_t)count));
    for (intptr_t i = 0; i < count; i++) x[i] = (int8_t)(127 * number(&seed));
    return x;
}

float *filled(intptr_t count, float value) {
    void *memory = NULL;
    if (posix_memalign(&memory, 64, (size_t)count * sizeof(float)) != 0) memory = NULL;
    float *x = keep(memory);
    for (intptr_t i = 0; i < count; i++) x[i] = value;
    return x;
}

double *wide(intptr_t count, double value) {
    double *x = keep(malloc((size_t)count * sizeof *x));
    for (intptr_t i = 0; i < count; i++) x[i] = value;
    return x;
}

const struct tensor_product_kernels *of_precision(const struct tensor_kernels *k, int precision, enum bound *bound,
                                                  const char **name) {
    *bound = (const enum bound[]){bound_products, bound_halves, bound_rounded}[precision];
    *name = (const char *const[]){"highest", "high", "medium"}[precision];
    return (const struct tensor_product_kernels *const[]){&k->highest, &k->high, &k->medium}[precision];
}

void record_wide(const char *kernel, enum bound bound, intptr_t count, const double *values) {
    struct header header = {.bound = bound, .count = count};
    snprintf(header.kernel, sizeof header.kernel, "%s", kernel);
    if (fwrite(&header, sizeof header, 1, output) != 1 ||
        fwrite(values, sizeof *values, (size_t)count, output) != (size_t)count) {
        perror("driver");
        exit(1);
    }
}

void record(const char *kernel, enum bound bound, intptr_t count, const float *values) {
    double *copy = wide(count, 0);
    for (intptr_t i = 0; i < count; i++) copy[i] = (double)values[i];
    record_wide(kernel, bound, count, copy);
}

static int run(const char *table, const char *file) {
    const struct tensor_kernels *k = tensor_kernels_named(table);
    if (k == NULL) {
        fprintf(stderr, "driver: this processor has no kernels named %s\n", table);
        return 2;
    }
    if ((output = fopen(file, "wb")) == NULL) {
        perror(file);
        return 1;
    }
    void (*const cases[])(const struct tensor_kernels *, intptr_t) = {elementwise_cases, sum_cases, product_cases,
                                                                      winograd_cases, attention_cases};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (intptr_t n = 1; n <= largest_size; n++) {
            cases[i](k, n);
            release();
        }
    return fclose(output) == 0 ? 0 : 1;
}

/// The comparison of one kernel's results in two files.
struct comparison {
    char kernel[name_length];
    int64_t bound, count;
    double scale, difference;
};

static struct comparison *find(struct comparison *all, int *count, const char *kernel) {
    for (int i = 0; i < *count; i++)
        if (strcmp(all[i].kernel, kernel) == 0) return &all[i];
    if (*count == most_kernels) exit(1);
    memcpy(all[*count].kernel, kernel, name_length);
    return &all[(*count)++];
}

static int compare(const char *first, const char *second) {
    static const double bounds[] = {0, 5e-7, 1e-6, 5e-6, 5e-5, 2e-2, 1e-14};
    static struct comparison all[most_kernels];
    FILE *expected = fopen(first, "rb"), *found = fopen(second, "rb");
    if (expected == NULL || found == NULL) {
        perror("driver");
        return 1;
    }
    int kernels = 0, failures = 0;
    struct header a, b;
    while (fread(&a, sizeof a, 1, expected) == 1) {
        if (fread(&b, sizeof b, 1, found) != 1 || memcmp(&a, &b, sizeof a) != 0) {
            fprintf(stderr, "driver: %s does not hold the results of %s\n", second, first);
            return 1;
        }
        struct comparison *row = find(all, &kernels, a.kernel);
        row->bound = a.bound;
        row->count += a.count;
        for (int64_t i = 0; i < a.count; i++) {
            double x = NAN, y = NAN;
            if (fread(&x, sizeof x, 1, expected) != 1 || fread(&y, sizeof y, 1, found) != 1 || !isfinite(x)) {
                fprintf(stderr, "driver: %s: a result is missing or not finite\n", a.kernel);
                return 1;
            }
            row->scale = fmax(row->scale, fabs(x));
            // A result that is not finite counts as infinitely different.
            row->difference = isfinite(y) ? fmax(row->difference, fabs(x - y)) : INFINITY;
        }
    }
    if (fread(&b, sizeof b, 1, found) == 1 || kernels == 0) {
        fprintf(stderr, "driver: %s does not hold the results of %s\n", second, first);
        return 1;
    }
    printf("%-44s %9s %11s %9s\n", "kernel", "results", "difference", "allowed");
    for (int i = 0; i < kernels; i++) {
        const double relative = all[i].difference / fmax(all[i].scale, 1e-30), allowed = bounds[all[i].bound];
        // Results that are all nearly zero prove nothing, and fail.
        const bool passed = relative <= allowed && all[i].scale > 1e-3;
        failures += !passed;
        printf("%-44s %9lld %11.2g %9.2g%s\n", all[i].kernel, (long long)all[i].count, relative, allowed,
               passed ? "" : "  too large");
    }
    fclose(expected);
    fclose(found);
    return failures > 0;
}

int main(int count, char **arguments) {
    if (count == 4 && strcmp(arguments[1], "run") == 0) return run(arguments[2], arguments[3]);
    if (count == 4 && strcmp(arguments[1], "compare") == 0) return compare(arguments[2], arguments[3]);
    if (count == 2 && strcmp(arguments[1], "chosen") == 0) return puts(tensor_kernels()->name) < 0;
    fprintf(stderr, "usage: driver run TABLE FILE | driver compare EXPECTED FOUND | driver chosen\n");
    return 64;
}
