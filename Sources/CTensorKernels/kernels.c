#include "CTensorKernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define INLINE static inline __attribute__((always_inline))

// Prefetches the next `count` of the given cache lines into the second-level cache.
INLINE void fetch(struct tensor_lines *lines, intptr_t count) {
    for (; count > 0 && lines->rows > 0; count--) {
        __builtin_prefetch((const char *)lines->base + lines->fetched * 64, 0, 2);
        if (++lines->fetched < lines->count) continue;
        lines->fetched = 0;
        lines->rows--;
        lines->base = (const char *)lines->base + lines->stride;
    }
}

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

#pragma clang attribute push(__attribute__((target("avx512bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c"))), apply_to = function)
#define VARIANT avx512_bf16
#define LANES 16
#define PANEL_VECTORS 2
#define STRIP 12
#define PAIRS
#include "Kernels/variant.inc"
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("amx-tile,amx-bf16,avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c"))), apply_to = function)
#define VARIANT amx
#define LANES 16
#define PANEL_VECTORS 2
#define STRIP 12
#define AMX
#include "Kernels/variant.inc"
#pragma clang attribute pop
#endif

#if defined(__x86_64__)
// Whether the processor has BFloat16 tiles and the system lets this process use them: their registers must be asked for, and some
// containers and old kernels refuse.
static bool may_use_tiles(void) {
#if defined(__linux__)
    static const long ask_for_state = 0x1023, tile_data = 18;
    return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
           syscall(SYS_arch_prctl, ask_for_state, tile_data) == 0;
#else
    return false;
#endif
}
#endif

const struct tensor_kernels *tensor_kernels_named(const char *name) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    if (strcmp(name, "amx") == 0) return avx512 && may_use_tiles() ? &table_amx : NULL;
    if (strcmp(name, "avx512_bf16") == 0) return avx512 && __builtin_cpu_supports("avx512bf16") ? &table_avx512_bf16 : NULL;
    if (strcmp(name, "model") == 0)
        return avx512 ? &table_with_tiles_avx512 : avx2 ? &table_with_tiles_avx2 : &table_with_tiles_baseline;
    if (strcmp(name, "avx512") == 0) return avx512 ? &table_avx512 : NULL;
    if (strcmp(name, "avx2") == 0) return avx2 ? &table_avx2 : NULL;
#else
    if (strcmp(name, "model") == 0) return &table_with_tiles_baseline;
#endif
    return strcmp(name, "baseline") == 0 ? &table_baseline : NULL;
}

// Whether an instruction set that the processor has is faster there than those after it: Intel's cores multiply pairs of BFloat16 numbers
// more slowly than Float32 numbers (measured on Emerald Rapids), AMD's twice as fast (measured on Zen 5).
static bool pays(const char *name) {
#if defined(__x86_64__)
    return strcmp(name, "avx512_bf16") != 0 || __builtin_cpu_is("amd");
#else
    (void)name;
    return true;
#endif
}

static const struct tensor_kernels *choose(void) {
    static const char *const names[] = {"amx", "avx512_bf16", "avx512", "avx2", "baseline", "model"};
    const char *wanted = getenv("TENSOR_ISA");
    if (wanted != NULL && *wanted != '\0') {
        const struct tensor_kernels *table = tensor_kernels_named(wanted);
        if (table != NULL) return table;
        // Falling back to other kernels would falsify measurements, and there is no caller yet that could handle an error.
        fprintf(stderr, "TENSOR_ISA: expected an instruction set of this processor:");
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (tensor_kernels_named(names[i]) != NULL) fprintf(stderr, " %s", names[i]);
        fprintf(stderr, "; found \"%s\"\n", wanted);
        _Exit(64);
    }
    const struct tensor_kernels *table = NULL;
    for (size_t i = 0; table == NULL && i < sizeof names / sizeof *names; i++)
        if (pays(names[i])) table = tensor_kernels_named(names[i]);
    return table;
}

const struct tensor_kernels *tensor_kernels(void) {
    static const struct tensor_kernels *_Atomic chosen = NULL;
    const struct tensor_kernels *table = chosen;
    if (table == NULL) chosen = table = choose();
    return table;
}
