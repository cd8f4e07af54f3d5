#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <png.h>

// libpng reports errors by longjmp, which must not cross Swift's frames: calls that can fail are made here.

/// A PNG file in memory, the read position, and libpng's error message.
struct png_memory {
    const uint8_t *bytes;
    size_t count, position;
    char message[128];
};

static inline void png_memory_read(png_structp png, png_bytep target, size_t count) {
    struct png_memory *memory = png_get_io_ptr(png);
    if (count > memory->count - memory->position) png_error(png, "the file ends early");
    memcpy(target, memory->bytes + memory->position, count);
    memory->position += count;
}

static inline void png_memory_failed(png_structp png, png_const_charp message) {
    struct png_memory *memory = png_get_error_ptr(png);
    snprintf(memory->message, sizeof memory->message, "%s", message);
    png_longjmp(png, 1);
}

static inline void png_memory_warned(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

/// Decodes the pixels with 8 bits per sample: red, green, blue, and with four channels alpha. 16-bit samples are reduced to their high
/// bytes; gamma, profiles and all other chunks that do not hold pixels are skipped. Returns 0 and sets the message on failure.
static inline int png_memory_decode(
    struct png_memory *memory, uint32_t width, uint32_t height, int channels, uint8_t *pixels) {
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, memory, png_memory_failed, png_memory_warned);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, &info, NULL);
        snprintf(memory->message, sizeof memory->message, "libpng cannot be started");
        return 0;
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_read_struct(&png, &info, NULL);
        return 0;
    }
    png_set_read_fn(png, memory, png_memory_read);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(png, info);
    if (png_get_image_width(png, info) != width || png_get_image_height(png, info) != height)
        png_error(png, "the first chunk is not IHDR");
    png_set_strip_16(png);
    png_set_gray_to_rgb(png);
    if (channels == 4) {
        png_set_expand(png);
        png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
    } else {
        if (png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
        if (png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
        png_set_strip_alpha(png);
    }
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != (size_t)width * (size_t)channels) png_error(png, "its colour type is not known");
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < height; y++)
            png_read_row(png, pixels + (size_t)y * width * (size_t)channels, NULL);
    png_destroy_read_struct(&png, &info, NULL);
    return 1;
}
