"""PNG and JPEG files of every kind, with the pixels that Pillow reads from them.

Run: python files.py   (writes files.safetensors beside itself)

NAME.file has a file's bytes, NAME.rgb the result of Image.open(NAME).convert("RGB"), NAME.white the image composited on white, and
NAME.upright the result of diffusers' load_image, which applies the EXIF orientation first.
"""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps
from safetensors.numpy import save_file

HERE = Path(__file__).parent
rng = np.random.default_rng(0)
tensors = {}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]}


def add(name, data, expected=None, white=False, upright=False):
    picture = Image.open(io.BytesIO(data))
    tensors[f"{name}.file"] = np.frombuffer(data, np.uint8)
    tensors[f"{name}.rgb"] = np.asarray(picture.convert("RGB")) if expected is None else expected
    if white:
        ground = Image.new("RGBA", picture.size, "white")
        ground.alpha_composite(picture.convert("RGBA"))
        tensors[f"{name}.white"] = np.asarray(ground.convert("RGB"))
    if upright:
        tensors[f"{name}.upright"] = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def rows(samples, depth):
    """Scan lines of [height, width, channels], with varying filters, of those that are simple to implement."""
    if samples.size == 0:
        return b""
    if depth == 16:
        packed = [row.astype(">u2").tobytes() for row in samples]
    elif depth == 8:
        packed = [row.astype(np.uint8).tobytes() for row in samples]
    else:
        bits = [np.unpackbits(row.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - depth:].reshape(-1) for row in samples]
        packed = [np.packbits(row).tobytes() for row in bits]
    lines, above = b"", None
    for number, line in enumerate(packed):
        if number % 2 and above is not None:  # up
            line, above = bytes((a - b) & 255 for a, b in zip(line, above)), line
            lines += b"\2" + line
        else:
            lines, above = lines + b"\0" + line, line
    return lines


def png(samples, color, depth, interlaced, extra):
    height, width = samples.shape[:2]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        data = b"".join(rows(samples[y::down, x::across], depth) for y, x, down, across in passes)
    else:
        data = rows(samples, depth)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(*pair) for pair in extra)
        + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    )


for color, depths in DEPTHS.items():
    for depth in depths:
        for interlaced in (False, True):
            for transparent in (False, True) if color in (0, 2, 3) else (False,):
                height, width = (11, 13) if interlaced else (5, 9)
                top = 1 << depth
                samples = rng.integers(0, top, (height, width, CHANNELS[color]))
                if depth == 16:
                    samples[:2] &= 0xFF  # include dark samples
                extra = []
                if interlaced:
                    extra += [(b"gAMA", struct.pack(">I", 100000))]
                    extra += [(b"cHRM", struct.pack(">8I", *[31270, 32900, 70000, 30000, 15000, 70000, 10000, 5000]))]
                elif color in (2, 6):
                    extra += [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 45455))]
                if color == 3:
                    extra.append((b"PLTE", rng.integers(0, 256, 3 * top, dtype=np.uint8).tobytes()))
                if transparent:
                    alpha = samples[2, 2].astype(">u2") if color != 3 else rng.integers(0, 256, top - 1, dtype=np.uint8)
                    extra.append((b"tRNS", alpha.tobytes()))
                name = f"png-{color}-{depth}{'-interlaced' if interlaced else ''}{'-transparent' if transparent else ''}"
                expected = None
                if color == 0 and depth == 16:  # Pillow 13 clips everything above 255 to white, which is not checked
                    expected = np.repeat((samples >> 8).astype(np.uint8), 3, 2)
                # Pillow does not scale a transparent colour of 2, 4 or 16 bits with the samples, and so never matches it.
                white = color in (3, 4, 6) or depth in (1, 8)
                add(name, png(samples, color, depth, interlaced, extra), expected, white=white)

small = np.clip(rng.normal(128, 60, (3, 4, 3)).repeat(6, 0).repeat(6, 1) + rng.normal(size=(18, 24, 3)) * 9, 0, 255)
picture = Image.fromarray(small.astype(np.uint8)).crop((0, 0, 21, 17))


def saved(picture, kind="JPEG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


for name, options in {
    "444": {"subsampling": 0, "quality": 95}, "422": {"subsampling": 1}, "420": {"subsampling": 2},
    "progressive": {"progressive": True}, "restart": {"restart_marker_blocks": 2}, "rgb": {"keep_rgb": True, "subsampling": 0},
}.items():
    add(f"jpeg-{name}", saved(picture, **options))
add("jpeg-grey", saved(picture.convert("L")))
add("jpeg-grey-progressive", saved(picture.convert("L"), progressive=True))
cmyk = saved(picture.convert("CMYK"), quality=95)
add("jpeg-cmyk", cmyk)
adobe = cmyk.index(b"Adobe")
add("jpeg-ycck", cmyk[:adobe + 11] + b"\2" + cmyk[adobe + 12:])
add("jpeg-cmyk-plain", cmyk[:adobe - 4] + cmyk[adobe + 12:])
for orientation in range(1, 9):
    exif = Image.Exif()
    exif.endian = "<" if orientation % 2 else ">"
    exif[0x010E], exif[0x0112] = "a picture", orientation
    add(f"jpeg-turned-{orientation}", saved(picture, exif=exif), upright=True)
    add(f"png-turned-{orientation}", saved(picture, "PNG", exif=exif), upright=True)
xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
add("jpeg-turned-xmp", saved(picture, xmp=xmp), upright=True)
text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp.replace(b'="8"/', b">6<")
plain = saved(picture, "PNG")
add("png-turned-xmp", plain[:33] + chunk(b"iTXt", text) + plain[33:], upright=True)

# The first size resizes horizontally and then vertically, the second vice versa; the rest are larger or equal.
photo = Image.fromarray((rng.integers(0, 2, (16, 13, 3)).repeat(4, 0).repeat(4, 1) * 255).astype(np.uint8))
tensors["photo"] = np.asarray(photo)
for width, height in ((32, 40), (48, 16), (64, 32), (64, 80), (52, 32), (40, 64)):
    for filter in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS):
        tensors[f"photo.{width}.{height}.{filter.name.lower()}"] = np.asarray(photo.resize((width, height), filter))

save_file(
    {key: np.ascontiguousarray(value) for key, value in tensors.items()},
    HERE / "files.safetensors",
    metadata={"pillow": PIL.__version__},
)
