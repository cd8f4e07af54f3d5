#ifndef C_TENSOR_KERNELS_H
#define C_TENSOR_KERNELS_H

// The inner loops of Tensor and Autograd. Every function works on plain memory that the caller owns, on the calling
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
};

/// A strided matrix: number (row, column) is at `base[row · row_stride + column · column_stride]`.
struct tensor_matrix {
    const void *base;
    int scalar;
    intptr_t row_stride, column_stride;
};

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

struct tensor_kernels {
    const char *name;
    intptr_t panel_width;  // columns in one packed panel of a right-hand matrix
    intptr_t strip_height; // rows that one call of the micro-kernel produces

    // Elementwise
    void (*unary)(int operation, intptr_t count, const float *x, float *y);
    void (*unary_gradient)(int operation, intptr_t count, const float *x, const float *dy, float *dx);
    void (*binary)(int operation, int broadcast, intptr_t count, const float *a, const float *b, float *y);
    void (*clamp)(intptr_t count, float lower, float upper, const float *x, float *y);
    void (*geglu)(intptr_t rows, intptr_t width, const float *x, float *y);
    void (*geglu_gradient)(intptr_t rows, intptr_t width, const float *x, const float *dy, float *dx);
    void (*add_scaled)(intptr_t count, float scale, const float *x, float *y);
    void (*interpolate)(intptr_t count, float weight, const float *x, float *y);
    void (*adam)(intptr_t count, float *parameter, const float *gradient, float factor, float *first,
                 float *second, float step_size, float beta1, float beta2, float epsilon, float second_correction,
                 float decay, float *average, float share);

    // Reductions
    double (*sum)(intptr_t count, const float *x);
    double (*dot)(intptr_t count, const float *x, const float *y);
    float (*maximum)(intptr_t count, const float *x);
    intptr_t (*non_finite)(intptr_t count, const float *x);
    intptr_t (*non_finite_words)(intptr_t count, const uint16_t *x, uint16_t exponent);
    void (*add_columns)(intptr_t rows, intptr_t columns, const float *x, double *sums);

    // Normalisation
    void (*softmax)(intptr_t rows, intptr_t columns, const float *x, float *y);
    void (*softmax_gradient)(intptr_t rows, intptr_t columns, const float *y, const float *dy, float *dx);
    void (*layer_norm)(intptr_t rows, intptr_t columns, float epsilon, const float *x, const float *scale,
                       const float *offset, float *y, float *means, float *reciprocal_deviations);
    void (*layer_norm_gradient)(intptr_t rows, intptr_t columns, const float *x, const float *dy, const float *scale,
                                const float *means, const float *reciprocal_deviations, float *dx,
                                double *scale_gradient, double *offset_gradient);
    void (*channel_sums)(intptr_t rows, intptr_t channels, const float *x, const float *y, double *sums,
                         double *products);
    void (*channel_affine)(intptr_t rows, intptr_t channels, const float *x, const float *slope, const float *shift,
                           int operation, float *y);
    void (*channel_affine_gradient)(intptr_t rows, intptr_t channels, const float *x, const float *dy,
                                    const float *dy_slope, const float *x_slope, const float *shift, float *dx);

    // Matrix products
    void (*pack)(const struct tensor_matrix *matrix, intptr_t rows, intptr_t columns, float *packed);
    void (*multiply)(intptr_t m, intptr_t n, intptr_t k, const float *a, intptr_t a_row, intptr_t a_column,
                     const float *packed, intptr_t packed_rows, const float *bias, const float *addend, float *c,
                     intptr_t c_stride);
    void (*gather_patches)(const struct tensor_patch_geometry *geometry, const float *image, intptr_t first_pixel,
                           intptr_t pixels, intptr_t first_tap, intptr_t taps, float *patches);

    // Winograd's convolution F(4×4, 3×3): 36 planes of each of the three matrices, `plane_stride` numbers apart

    /// The planes of some tiles, [tile][channel]. If `together` is less than the number of channels, they are stored in blocks of
    /// `together` channels: [channel / together][plane][tile][channel % together].
    void (*winograd_input)(const struct tensor_winograd_map *map, const float *images, intptr_t first_tile,
                           intptr_t tiles, intptr_t together, float *planes, intptr_t plane_stride);
    /// The planes of a kernel, for paired or unpaired maps.
    void (*winograd_kernel)(bool paired, intptr_t depth, const float *taps, intptr_t row_stride, intptr_t tap_stride,
                            float *planes, intptr_t plane_stride);
    /// Adds the products of a few tiles with `depth` channels of one panel of a kernel to the sums, [plane][tile][column]. The
    /// channels, at most `tensor_winograd_channels`, are one block of the inputs: [plane][tile][channel].
    void (*winograd_few)(bool paired, intptr_t tiles, intptr_t depth, const float *inputs, const float *taps,
                         intptr_t row_stride, intptr_t tap_stride, float *sums, intptr_t plane_stride,
                         struct tensor_lines next);
    void (*winograd_output)(const struct tensor_winograd_map *map, const float *planes, intptr_t plane_stride,
                            intptr_t first_tile, intptr_t tiles, intptr_t first_channel, const float *bias,
                            intptr_t bias_stride, const float *addend, float *images);
    void (*winograd_output_gradient)(const struct tensor_winograd_map *map, const float *gradients, intptr_t first_tile,
                                     intptr_t tiles, float *planes, intptr_t plane_stride);
    void (*winograd_kernel_gradient)(bool paired, intptr_t count, const float *planes, intptr_t plane_stride,
                                     float *kernels);

    // Attention
    intptr_t (*attention_scratch)(intptr_t width);
    void (*attention)(const struct tensor_attention_head *head, float *output, intptr_t output_stride,
                      float *log_sum_exp, float *scratch);
    void (*attention_gradient)(const struct tensor_attention_head *head, const float *output,
                               const float *output_gradient, intptr_t output_stride, const float *log_sum_exp,
                               float *query_gradient, float *key_gradient, float *value_gradient,
                               intptr_t query_gradient_stride, intptr_t key_gradient_stride, float *scratch);

    // 16-bit storage
    void (*widen_half)(intptr_t count, const uint16_t *x, float *y);
    void (*widen_brain)(intptr_t count, const uint16_t *x, float *y);
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
/// (baseline, avx2, avx512). An unknown name, or an instruction set that the processor lacks, ends the process with an error message
/// and exit code 64.
const struct tensor_kernels *tensor_kernels(void);

/// The kernels for the instruction set of the given name; NULL if this processor lacks it.
const struct tensor_kernels *tensor_kernels_named(const char *name);

#endif
