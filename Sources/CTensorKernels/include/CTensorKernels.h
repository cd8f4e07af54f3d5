#ifndef C_TENSOR_KERNELS_H
#define C_TENSOR_KERNELS_H

// The inner loops of Tensor. Every function works on plain memory that the caller owns, on the calling
// thread: allocation, threads, shapes and policy belong to the Swift side.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    tensor_unary_exp = 0,
    tensor_unary_square_root,
    tensor_unary_square,
    tensor_unary_reciprocal,
    tensor_unary_absolute,
    tensor_unary_negate,
    tensor_unary_tanh,
    tensor_unary_sigmoid,
    tensor_unary_silu,
    tensor_unary_gelu,
    tensor_unary_quick_gelu,
    tensor_unary_relu,
};

enum {
    tensor_binary_add = 0,
    tensor_binary_subtract,
    tensor_binary_multiply,
    tensor_binary_divide,
};

enum {
    tensor_broadcast_none = 0,
    tensor_broadcast_left,   // the left operand is one number
    tensor_broadcast_right,  // the right operand is one number
};

enum {
    tensor_scalar_float32 = 0,
    tensor_scalar_float16,
    tensor_scalar_bfloat16,
    tensor_scalar_int8,
};

/// A strided matrix: number (row, column) is at `base[row · row_stride + column · column_stride]`. An 8-bit integer is multiplied by
/// `scales[row · row_scale + column · column_scale]`; along a stride of 1 the scale does not change.
struct tensor_matrix {
    const void *base;
    int scalar;
    intptr_t row_stride, column_stride;
    const float *scales; // of 8-bit integers
    intptr_t row_scale, column_scale;
};

/// The bytes of a number.
static inline intptr_t tensor_scalar_bytes(int scalar) {
    return scalar == tensor_scalar_float32 ? 4 : scalar == tensor_scalar_int8 ? 1 : 2;
}

/// A 3×3 convolution of stride 1 over channels-last maps, cut into tiles of 4 × 4 outputs.
struct tensor_winograd_map {
    intptr_t source_height, source_width, channels;
    intptr_t target_height, target_width, target_channels;
    intptr_t padding_top, padding_left;
    intptr_t upsampling; // nearest-neighbour upsampling factor of the source
    intptr_t tile_rows, tile_columns;
    /// Either source pixels are equal in pairs, the second of a tile and the third, and so on, or target pixels are only summed
    /// in pairs, from the first on. Planes 2, 8, 12 to 17, 20, 26 and 32 are then unused: neither written nor read.
    bool paired;
};

/// The maximum number of channels per call of `winograd_few`.
enum { tensor_winograd_channels = 16 };

/// Cache lines to prefetch: `rows` rows of `count` lines, the rows `stride` bytes apart. The first `fetched` lines of the first
/// row are already prefetched.
struct tensor_lines {
    const void *base;
    intptr_t rows, count, stride, fetched;
};

/// The geometry of a convolution: channels-last maps, square stride, taps in row-major order.
struct tensor_patch_geometry {
    intptr_t source_height, source_width, channels;
    intptr_t target_height, target_width;
    intptr_t kernel_height, kernel_width;
    intptr_t stride, padding_top, padding_left;
    intptr_t upsampling; // nearest-neighbour upsampling factor of the source
    bool transposed;  // for the data gradient: source = (target + padding − tap) / stride where that is an integer
};

/// One attention head. Rows of queries, keys, values and outputs are `*_stride` apart; the caller provides the scratch memory.
struct tensor_attention_head {
    const float *queries, *keys, *values;
    intptr_t query_stride, key_stride;
    intptr_t query_count, key_count, width;
    intptr_t first_query;  // position of the first query, for the causal mask
    bool causal;
    float scale;
};

/// A matrix product, result[rows × columns] = left[rows × depth] · right[depth × columns] + bias + addend. The right operand is packed into
/// panels. The left one is Float32 numbers, strided as a `tensor_matrix` is, or packed too if the kernels have a function for that: then
/// `left_row_stride` is the number of columns that were packed.
struct tensor_product {
    intptr_t rows, columns, depth;
    const void *left;
    intptr_t left_row_stride, left_column_stride;
    const void *panels;  // the product's first row inside the first panel
    intptr_t panel_rows; // rows of the packed panels, of which the product may use a part
    const float *bias;   // [columns], or NULL
    const float *addend; // with the result's stride, and may be the result itself; or NULL
    float *result;
    intptr_t result_stride;
};

/// The matrix products of one precision, the attention made of them, and the form into which they pack the right operand: panels of `panel_width` columns, one
/// after the other, with zeros past the last column. A panel of n rows takes n, rounded up to a multiple of `row_multiple`, times
/// `row_bytes` bytes; only between such multiples may a product begin inside a panel.
struct tensor_product_kernels {
    intptr_t panel_width;
    intptr_t row_bytes;    // bytes of one row of a panel
    intptr_t row_multiple; // rows that are stored together
    intptr_t alignment;    // of the first panel, in bytes
    intptr_t strip_height; // rows that one call of the micro-kernel produces
    void (*pack)(const struct tensor_matrix *matrix, intptr_t rows, intptr_t columns, void *panels);
    /// Packs the left operand into blocks of `strip_height` rows, each of which takes `strip_height` times its columns, rounded up to a
    /// multiple of `row_multiple`, times `left_number_bytes` bytes. NULL for products that read it as it is.
    void (*pack_left)(const struct tensor_matrix *matrix, intptr_t rows, intptr_t columns, void *left);
    intptr_t left_number_bytes; // bytes of one number of the packed left operand
    bool beats_winograd;        // whether 3×3 convolutions are faster as direct sums of these products than by Winograd's in Float32
    void (*multiply)(const struct tensor_product *product);
    /// The attention of one head with products of this precision, and its gradients; `log_sum_exp` of the queries may be NULL. The scratch
    /// memory, in floats, is aligned to 64 bytes.
    intptr_t (*attention_scratch)(intptr_t width, intptr_t queries);
    void (*attention)(const struct tensor_attention_head *head, float *output, intptr_t output_stride, float *log_sum_exp,
                      float *scratch);
    void (*attention_gradient)(const struct tensor_attention_head *head, const float *output, const float *output_gradient,
                               intptr_t output_stride, const float *log_sum_exp, float *query_gradient, float *key_gradient,
                               float *value_gradient, intptr_t query_gradient_stride, intptr_t key_gradient_stride,
                               float *scratch);
};

/// One Adam step over `count` contiguous numbers, as in torch.optim: ε is added after the bias-corrected square root.
struct tensor_adam {
    intptr_t count;
    float *parameter;
    const float *gradient;
    float factor; // multiplies the gradient
    float *first, *second;
    float step_size, beta1, beta2, epsilon;
    float second_correction; // √(1 − β2ᵗ)
    float decay;             // lr · weight decay of AdamW
    float *average;          // a moving average of the parameter, or NULL
    float share;             // the weight of the new parameter in the average; 1 makes it a copy
};

/// All kernels but those of matrix products and attention, each as KERNEL(result, name, parameters…). From this list `struct tensor_kernels` and
/// each instruction set's table are made.
#define TENSOR_KERNELS(KERNEL)                                                                                          \
    /* Elementwise */                                                                                                   \
    KERNEL(void, unary, int operation, intptr_t count, const float *x, float *y)                                        \
    KERNEL(void, unary_gradient, int operation, intptr_t count, const float *x, const float *dy, float *dx)             \
    KERNEL(void, binary, int operation, int broadcast, intptr_t count, const float *a, const float *b, float *y)        \
    KERNEL(void, clamp, intptr_t count, float lower, float upper, const float *x, float *y)                             \
    KERNEL(void, geglu, intptr_t rows, intptr_t width, const float *x, float *y)                                        \
    KERNEL(void, geglu_gradient, intptr_t rows, intptr_t width, const float *x, const float *dy, float *dx)             \
    KERNEL(void, add_scaled, intptr_t count, float scale, const float *x, float *y)                                     \
    KERNEL(void, interpolate, intptr_t count, float weight, const float *x, float *y)                                   \
    KERNEL(void, adam, const struct tensor_adam *step)                                                                  \
    /* Reductions */                                                                                                    \
    KERNEL(double, sum, intptr_t count, const float *x)                                                                 \
    KERNEL(double, dot, intptr_t count, const float *x, const float *y)                                                 \
    KERNEL(float, maximum, intptr_t count, const float *x)                                                              \
    KERNEL(intptr_t, non_finite, intptr_t count, const float *x)                                                        \
    KERNEL(intptr_t, non_finite_words, intptr_t count, const uint16_t *x, uint16_t exponent)                            \
    KERNEL(void, add_columns, intptr_t rows, intptr_t columns, const float *x, double *sums)                            \
    /* Normalisation */                                                                                                 \
    KERNEL(void, softmax, intptr_t rows, intptr_t columns, const float *x, float *y)                                    \
    KERNEL(void, softmax_gradient, intptr_t rows, intptr_t columns, const float *y, const float *dy, float *dx)         \
    KERNEL(void, layer_norm, intptr_t rows, intptr_t columns, float epsilon, const float *x, const float *scale,        \
           const float *offset, float *y, float *means, float *reciprocal_deviations)                                   \
    KERNEL(void, layer_norm_gradient, intptr_t rows, intptr_t columns, const float *x, const float *dy,                 \
           const float *scale, const float *means, const float *reciprocal_deviations, float *dx,                       \
           double *scale_gradient, double *offset_gradient)                                                             \
    KERNEL(void, channel_sums, intptr_t rows, intptr_t channels, const float *x, const float *y, double *sums,          \
           double *products)                                                                                            \
    KERNEL(void, channel_affine, intptr_t rows, intptr_t channels, const float *x, const float *slope,                  \
           const float *shift, int operation, float *y)                                                                 \
    KERNEL(void, channel_affine_gradient, intptr_t rows, intptr_t channels, const float *x, const float *dy,            \
           const float *dy_slope, const float *x_slope, const float *shift, float *dx)                                  \
    /* Convolution by patches: rows of `taps` neighbouring pixels, [pixels, taps, channels] */                          \
    KERNEL(void, gather_patches, const struct tensor_patch_geometry *geometry, const float *image,                      \
           intptr_t first_pixel, intptr_t pixels, intptr_t first_tap, intptr_t taps, float *patches)                    \
    /* Winograd's convolution F(4×4, 3×3): 36 planes of each of the three matrices, `plane_stride` numbers apart */     \
    /* The planes of some tiles, [tile][channel]. If `together` is less than the number of channels, they are stored */ \
    /* in blocks of `together` channels: [channel / together][plane][tile][channel % together]. */                      \
    KERNEL(void, winograd_input, const struct tensor_winograd_map *map, const float *images, intptr_t first_tile,       \
           intptr_t tiles, intptr_t together, float *planes, intptr_t plane_stride)                                     \
    /* The planes of a kernel, for paired or unpaired maps, each the panel of the right operand of a product. */        \
    KERNEL(void, winograd_kernel, bool paired, intptr_t depth, const float *taps, intptr_t row_stride,                  \
           intptr_t tap_stride, float *planes, intptr_t plane_stride)                                                   \
    /* Adds the products of a few tiles with `depth` channels of one panel of a kernel to the sums, */                  \
    /* [plane][tile][column]. The channels, at most `tensor_winograd_channels`, are one block of the inputs: */         \
    /* [plane][tile][channel]. */                                                                                       \
    KERNEL(void, winograd_few, bool paired, intptr_t tiles, intptr_t depth, const float *inputs, const float *taps,     \
           intptr_t row_stride, intptr_t tap_stride, float *sums, intptr_t plane_stride, struct tensor_lines next)      \
    KERNEL(void, winograd_output, const struct tensor_winograd_map *map, const float *planes, intptr_t plane_stride,    \
           intptr_t first_tile, intptr_t tiles, intptr_t first_channel, const float *bias, intptr_t bias_stride,        \
           const float *addend, float *images)                                                                          \
    KERNEL(void, winograd_output_gradient, const struct tensor_winograd_map *map, const float *gradients,               \
           intptr_t first_tile, intptr_t tiles, float *planes, intptr_t plane_stride)                                   \
    KERNEL(void, winograd_kernel_gradient, bool paired, intptr_t count, const float *planes, intptr_t plane_stride,     \
           float *kernels)                                                                                              \
    /* 16-bit and 8-bit storage */                                                                                      \
    KERNEL(void, widen_half, intptr_t count, const uint16_t *x, float *y)                                               \
    KERNEL(void, widen_brain, intptr_t count, const uint16_t *x, float *y)                                              \
    KERNEL(void, widen_bytes, intptr_t count, const int8_t *x, float scale, float *y)                                   \
    /* The nearest 8-bit integers to x / scale, ties to even, where 127 times the scale is the largest magnitude; */    \
    /* returns the scale, NaN if a number is not finite. */                                                             \
    KERNEL(float, quantize, intptr_t count, const float *x, int8_t *y)

/// The kernels of one instruction set.
struct tensor_kernels {
    const char *name;
    struct tensor_product_kernels highest; // products in Float32
    struct tensor_product_kernels high;    // three BFloat16 products on tiles, where the processor has them
    struct tensor_product_kernels medium;  // one BFloat16 product on tiles or of pairs, where the processor has them
#define KERNEL(RESULT, NAME, ...) RESULT (*NAME)(__VA_ARGS__);
    TENSOR_KERNELS(KERNEL)
#undef KERNEL
};

/// Hints to the processor that the thread is spinning until a number in memory changes.
static inline void tensor_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/// The kernels for this processor: the best instruction set it has, or the one that the environment variable `TENSOR_ISA` names
/// (baseline, avx2, avx512, avx512_bf16, amx; or model: the best of the first three, with a plain model of AMX's tiles). An unknown name, or
/// an instruction set that the processor lacks, ends the process with an error message and exit code 64.
const struct tensor_kernels *tensor_kernels(void);

/// The kernels for the instruction set of the given name; NULL if this processor lacks it.
const struct tensor_kernels *tensor_kernels_named(const char *name);

#endif
