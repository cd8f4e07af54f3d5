#ifndef KERNEL_DRIVER_H
#define KERNEL_DRIVER_H

// Helpers of the cases: memory of exactly the size that a kernel may access, the same numbers on every machine, and the recording
// of results.

#include "CTensorKernels.h"

#include <stdlib.h>

/// The largest size of the loops over sizes; prime, and above four vectors of 16.
enum { largest_size = 67 };

/// The largest difference that two instruction sets may have, relative to the largest result of a kernel.
enum bound {
    bound_exact,        // nothing is rounded
    bound_elementwise,  // some units in the last place: a product and a sum round once if fused and twice if not
    bound_products,     // sums of many products, in an order that depends on the vector width
    bound_transformed,  // Winograd's weights of up to 11 partly cancel
    bound_halves,       // factors that are sums of two BFloat16 numbers
    bound_rounded,      // factors rounded to BFloat16
    bound_sums,         // sums in Double, in an order that depends on the vector width
};

/// Pseudo-random numbers in −1…1. Freed by `release`, as all memory here.
float *numbers(intptr_t count, uint64_t seed);
/// The same numbers stored in 16 bits.
uint16_t *words(intptr_t count, uint64_t seed, int scalar);
/// Integers of 8 bits, −126…126.
int8_t *bytes(intptr_t count, uint64_t seed);
/// Memory for a kernel to write, filled with one number and aligned to 64 bytes.
float *filled(intptr_t count, float value);
double *wide(intptr_t count, double value);
void release(void);

/// The kernels of each precision, its name, and the bound of its results.
enum { precisions = 3 };
const struct tensor_product_kernels *of_precision(const struct tensor_kernels *k, int precision, enum bound *bound,
                                                  const char **name);

/// Records results of a kernel.
void record(const char *kernel, enum bound bound, intptr_t count, const float *values);
void record_wide(const char *kernel, enum bound bound, intptr_t count, const double *values);

void elementwise_cases(const struct tensor_kernels *k, intptr_t n);
void sum_cases(const struct tensor_kernels *k, intptr_t n);
void product_cases(const struct tensor_kernels *k, intptr_t n);
void winograd_cases(const struct tensor_kernels *k, intptr_t n);
void attention_cases(const struct tensor_kernels *k, intptr_t n);

#endif
