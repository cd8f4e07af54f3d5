#include "CPeak.h"

// Twelve independent sums hide the latency of a multiply-add on every processor in question.
#define PEAK(name, lanes)                                                                                           \
    static double name(long count, float *sink) {                                                                   \
        typedef float vf __attribute__((vector_size(lanes * 4)));                                                   \
        vf sum[12], factor = (vf){0} + *sink, step = (vf){0} + 1e-9f;                                               \
        _Pragma("clang loop unroll(full)") for (int i = 0; i < 12; i++) sum[i] = factor + (float)i;                 \
        for (long n = 0; n < count; n++) {                                                                          \
            _Pragma("clang loop unroll(full)") for (int i = 0; i < 12; i++) {                                       \
                _Pragma("clang fp contract(fast)") sum[i] = sum[i] * factor + step;                                 \
                __asm__ volatile("" : "+" REGISTER(sum[i]));                                                        \
            }                                                                                                       \
        }                                                                                                           \
        for (int i = 1; i < 12; i++) sum[0] += sum[i];                                                              \
        *sink = sum[0][0];                                                                                          \
        return 2.0 * lanes * 12 * (double)count;                                                                    \
    }

#if defined(__x86_64__)
#define REGISTER(x) "x"(x)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
PEAK(with_avx2, 8)
#pragma clang attribute pop
#undef REGISTER
#define REGISTER(x) "v"(x)
#pragma clang attribute push(__attribute__((target("avx512f,avx2,fma"))), apply_to = function)
PEAK(with_avx512, 16)
#pragma clang attribute pop
#undef REGISTER
#define REGISTER(x) "x"(x)
PEAK(with_baseline, 4)
#else
#define REGISTER(x) "w"(x)
PEAK(with_baseline, 4)
#endif

double peak_run(long count, float *sink) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return with_avx512(count, sink);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return with_avx2(count, sink);
#endif
    return with_baseline(count, sink);
}
