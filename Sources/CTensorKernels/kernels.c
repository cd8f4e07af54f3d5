#include "CTensorKernels.h"

#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

#define VARIANT baseline
#define LANES 4
#define PANEL_VECTORS 2
#define STRIP 4
#include "Kernels/variant.inc"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define VARIANT avx2
#define LANES 8
#define PANEL_VECTORS 2
#define STRIP 6
#include "Kernels/variant.inc"
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c"))), apply_to = function)
#define VARIANT avx512
#define LANES 16
#define PANEL_VECTORS 2
#define STRIP 12
#include "Kernels/variant.inc"
#pragma clang attribute pop
#endif

static const struct tensor_kernels *choose(void) {
#if defined(__x86_64__)
    const char *wanted = getenv("TENSOR_ISA");
    const bool any = wanted == NULL || *wanted == 0;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && (any || strcmp(wanted, "avx512") == 0))
        return &table_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
        (any || strcmp(wanted, "baseline") != 0))
        return &table_avx2;
#endif
    return &table_baseline;
}

const struct tensor_kernels *tensor_kernels(void) {
    static const struct tensor_kernels *_Atomic chosen = NULL;
    const struct tensor_kernels *table = chosen;
    if (table == NULL) chosen = table = choose();
    return table;
}
