#include "driver.h"

#include <string.h>

enum { planes = 36, images = 2, together = tensor_winograd_channels };

static intptr_t least(intptr_t a, intptr_t b) { return a < b ? a : b; }

/// Images of sizes that leave tiles of every shape, or upsampled 2×, so that their pixels are equal in pairs.
static struct tensor_winograd_map map_of(intptr_t n, intptr_t inputs, intptr_t outputs, intptr_t upsampling) {
    const intptr_t height = 1 + n % 9, width = 1 + n % 6;
    const intptr_t target_height = height * upsampling, target_width = width * upsampling;
    return (struct tensor_winograd_map){.source_height = height,
                                        .source_width = width,
                                        .channels = inputs,
                                        .target_height = target_height,
                                        .target_width = target_width,
                                        .target_channels = outputs,
                                        .padding_top = 1,
                                        .padding_left = 1,
                                        .upsampling = upsampling,
                                        .tile_rows = (target_height + 3) / 4,
                                        .tile_columns = (target_width + 3) / 4,
                                        .paired = upsampling == 2};
}

/// [input][tap][output] to [input][tap][column] for the panel that begins at an output.
static float *panel_rows(const struct tensor_winograd_map *map, intptr_t first, intptr_t panel) {
    const intptr_t outputs = map->target_channels;
    const float *taps = numbers(map->channels * 9 * outputs, 41);
    float *rows = filled(map->channels * 9 * panel, 0);
    for (intptr_t row = 0; row < map->channels * 9; row++)
        memcpy(rows + row * panel, taps + row * outputs + first,
               (size_t)least(panel, outputs - first) * sizeof(float));
    return rows;
}

static float *source(const struct tensor_winograd_map *map) {
    return numbers(images * map->source_height * map->source_width * map->channels, 42);
}

static intptr_t result_count(const struct tensor_winograd_map *map) {
    return images * map->target_height * map->target_width * map->target_channels;
}

/// All steps of the convolution, with a bias per image and an addend.
static void convolution(const struct tensor_kernels *k, const struct tensor_winograd_map *map) {
    const intptr_t tiles = images * map->tile_rows * map->tile_columns, inputs = map->channels, panel = k->highest.panel_width;
    const intptr_t outputs = map->target_channels, count = result_count(map);
    float *transformed = filled(planes * tiles * inputs, 0), *result = filled(count, 0);
    k->winograd_input(map, source(map), 0, tiles, inputs, transformed, tiles * inputs);
    for (intptr_t first = 0; first < outputs; first += panel) {
        float *kernel = filled(planes * inputs * panel, 0), *sums = filled(planes * tiles * panel, 0);
        k->winograd_kernel(map->paired, inputs, panel_rows(map, first, panel), 9 * panel, panel, kernel, inputs * panel);
        for (int plane = 0; plane < planes; plane++)
            k->highest.multiply(&(struct tensor_product){.rows = tiles,
                                                         .columns = panel,
                                                         .depth = inputs,
                                                         .left = transformed + plane * tiles * inputs,
                                                         .left_row_stride = inputs,
                                                         .left_column_stride = 1,
                                                         .panels = kernel + plane * inputs * panel,
                                                         .panel_rows = inputs,
                                                         .result = sums + plane * tiles * panel,
                                                         .result_stride = panel});
        k->winograd_output(map, sums, tiles * panel, 0, tiles, first, numbers(images * outputs, 43), outputs,
                           numbers(count, 44), result);
    }
    record(map->paired ? "winograd convolution of pairs" : "winograd convolution", bound_transformed, count, result);
}

/// The same for few tiles, with a kernel's planes used immediately.
static void convolution_of_few(const struct tensor_kernels *k, const struct tensor_winograd_map *map) {
    const intptr_t tiles = images * map->tile_rows * map->tile_columns, inputs = map->channels, panel = k->highest.panel_width;
    const intptr_t blocks = (inputs + together - 1) / together;
    float *transformed = filled(blocks * planes * tiles * together, 0), *result = filled(result_count(map), 0);
    k->winograd_input(map, source(map), 0, tiles, together, transformed, tiles * together);
    for (intptr_t first = 0; first < map->target_channels; first += panel) {
        const float *rows = panel_rows(map, first, panel);
        float *sums = filled(planes * tiles * panel, 0);
        for (intptr_t channel = 0; channel < inputs; channel += together) {
            const struct tensor_lines next = {transformed, 1, 1, 64, 0};
            k->winograd_few(map->paired, tiles, least(together, inputs - channel), transformed + channel * planes * tiles,
                            rows + channel * 9 * panel, 9 * panel, panel, sums, tiles * panel, next);
        }
        k->winograd_output(map, sums, tiles * panel, 0, tiles, first, NULL, 0, NULL, result);
    }
    record(map->paired ? "winograd_few of pairs" : "winograd_few", bound_transformed, result_count(map), result);
}

static void gradients(const struct tensor_kernels *k, const struct tensor_winograd_map *map) {
    const intptr_t tiles = images * map->tile_rows * map->tile_columns, outputs = map->target_channels;
    const intptr_t count = planes * tiles * outputs, kernels = map->channels * outputs;
    float *spread = filled(count, 0), *taps = filled(9 * kernels, 0);
    k->winograd_output_gradient(map, numbers(result_count(map), 45), 0, tiles, spread, tiles * outputs);
    record(map->paired ? "winograd_output_gradient of pairs" : "winograd_output_gradient", bound_transformed, count, spread);
    k->winograd_kernel_gradient(map->paired, kernels, numbers(planes * kernels, 46), kernels, taps);
    record(map->paired ? "winograd_kernel_gradient of pairs" : "winograd_kernel_gradient", bound_transformed, 9 * kernels, taps);
}

void winograd_cases(const struct tensor_kernels *k, intptr_t n) {
    for (intptr_t upsampling = 1; upsampling <= 2; upsampling++) {
        const struct tensor_winograd_map map = map_of(n, n, 1 + n * 7 % largest_size, upsampling);
        convolution(k, &map);
        release();
        convolution_of_few(k, &map);
        release();
        gradients(k, &map);
        release();
    }
}
