"""Tiny image files of every kind and what they decode to: images.safetensors. Needs numpy, Pillow, torch, safetensors.

Tensor NAME holds the bytes of a file; NAME/photo its pixels (H, W, C) as Pillow, or the definition of the format, has them; NAME/raw
the stored samples where they differ from the photograph's.
"""
import io
import pathlib
import struct
import zlib

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file

files, expected = {}, {}
rng = np.random.default_rng(1)


def png(samples, depth, color_type, palette=None, interlaced=False):
    """A PNG written from the specification alone; samples are (H, W, C)."""
    def packed(rows):
        out = b""
        for row in rows:
            flat = row.reshape(-1)
            if depth == 16:
                line = flat.astype(">u2").tobytes()
            elif depth == 8:
                line = flat.astype("u1").tobytes()
            else:
                bits = "".join(format(int(v), f"0{depth}b") for v in flat)
                bits += "0" * (-len(bits) % 8)
                line = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
            out += b"\0" + line
        return out

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    h, w = samples.shape[:2]
    raw = b""
    if interlaced:
        for y0, x0, dy, dx in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)):
            part = samples[y0::dy, x0::dx]
            raw += packed(part) if part.size else b""
    else:
        raw = packed(samples)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, color_type, 0, 0, int(interlaced)))
    if palette is not None:
        data += chunk(b"PLTE", bytes(palette.astype("u1").reshape(-1)))
    return data + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def add(name, data, photo, raw=None):
    files[name] = np.frombuffer(data, dtype=np.uint8).copy()
    photo = np.asarray(photo, dtype=np.uint8)
    expected[name + "/photo"] = (photo[..., None] if photo.ndim == 2 else photo).copy()
    if raw is not None:
        expected[name + "/raw"] = np.asarray(raw).astype(np.int32).copy()


def scaled(samples, depth):
    return (samples.astype(np.int64) * 255 + ((1 << depth) - 1) // 2) // ((1 << depth) - 1)


H, W = 9, 13
for depth in (1, 2, 4, 8, 16):
    gray = rng.integers(0, 1 << depth, (H, W, 1))
    add(f"gray{depth}.png", png(gray, depth, 0), scaled(gray, depth), gray)
    add(f"gray{depth}_interlaced.png", png(gray, depth, 0, interlaced=True), scaled(gray, depth), gray)
    if depth <= 8:
        palette = rng.integers(0, 256, (min(1 << depth, 20), 3))
        index = rng.integers(0, len(palette), (H, W, 1))
        add(f"palette{depth}.png", png(index, depth, 3, palette), palette[index[..., 0]], index)
for depth in (8, 16):
    for name, channels, color_type, kept in (("rgb", 3, 2, 3), ("rgba", 4, 6, 3), ("gray_alpha", 2, 4, 1)):
        v = rng.integers(0, 1 << depth, (H, W, channels))
        add(f"{name}{depth}.png", png(v, depth, color_type), scaled(v, depth)[..., :kept], v)

smooth = np.stack(list(np.meshgrid(np.linspace(0, 255, 24), np.linspace(30, 200, 17))) + [np.full((17, 24), 90.0)], -1).astype(np.uint8)


def saved(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


def add_pil(name, data):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    gray = image.mode in ("L", "1") and not name.endswith(".bmp")  # a BMP always has colors, if only in its palette
    add(name, data, image.convert("L" if gray else "RGB"))


photo = Image.fromarray(smooth)
add_pil("rgb.jpg", saved(photo, format="JPEG", quality=90))
add_pil("rgb444_progressive.jpg", saved(photo, format="JPEG", quality=90, subsampling=0, progressive=True))
add_pil("gray.jpg", saved(photo.convert("L"), format="JPEG", quality=90))
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    add_pil(f"exif{orientation}.jpg", saved(photo, format="JPEG", quality=95, subsampling=0, exif=exif))

noise = rng.integers(0, 256, (H, W, 3), dtype=np.uint8)
rgb, gray = Image.fromarray(noise), Image.fromarray(noise[..., 0])
indexed = gray.quantize(16)
add_pil("rgb.bmp", saved(rgb, format="BMP"))
add_pil("rgba.bmp", saved(Image.fromarray(np.dstack([noise, noise[..., :1]]), "RGBA"), format="BMP"))
add_pil("gray.bmp", saved(gray, format="BMP"))
add_pil("palette.bmp", saved(indexed, format="BMP"))
add_pil("bitmap.bmp", saved(gray.convert("1"), format="BMP"))
add_pil("rgb.ppm", saved(rgb, format="PPM"))
add_pil("gray.pgm", saved(gray, format="PPM"))
add_pil("bitmap.pbm", saved(gray.convert("1"), format="PPM"))
deep = rng.integers(0, 1000, (3, 4, 1))
add("text.pgm", f"P2 # text\n4 3\n999\n{' '.join(map(str, deep.reshape(-1)))}\n".encode(), (deep * 255 + 499) // 999, deep)
add("deep.pgm", b"P5 4 3 999\n" + deep.astype(">u2").tobytes(), (deep * 255 + 499) // 999, deep)
add("text.pbm", b"P1\n# four by two\n4 2\n1010\n0 1 0 1\n", [[0, 255, 0, 255], [255, 0, 255, 0]])
add("text.ppm", b"P3 1 2 15 15 0 5 1 2 3\n", [[[255, 0, 85]], [[17, 34, 51]]])

for compression in ("raw", "tiff_lzw", "tiff_deflate", "packbits"):
    add_pil(f"rgb_{compression}.tif", saved(rgb, format="TIFF", compression=compression))
add_pil("gray.tif", saved(gray, format="TIFF"))
add_pil("bitmap.tif", saved(gray.convert("1"), format="TIFF"))
add_pil("jpeg.tif", saved(photo, format="TIFF", compression="jpeg", quality=95))
index = rng.integers(0, 7, (H, W), dtype=np.uint8)
as_palette = Image.fromarray(index, "P")
as_palette.putpalette(list(rng.integers(0, 256, 768)))
add("palette.tif", saved(as_palette, format="TIFF"), np.asarray(as_palette.convert("RGB")), index)
deep = rng.integers(0, 65536, (H, W), dtype=np.uint16)
add("gray16.tif", saved(Image.fromarray(deep), format="TIFF"), (deep.astype(np.int64) * 255 + 32767) // 65535, deep)

# Antialiased bilinear resizing: both directions, both ways.
add("resize_source.png", saved(rgb, format="PNG"), np.asarray(rgb))
for w, h in ((5, 4), (29, 20), (6, 20), (29, 3)):
    expected[f"resize_source.png/{w}x{h}"] = np.asarray(rgb.resize((w, h), Image.BILINEAR)).copy()
index = gray.point(lambda v: v % 7)
expected["resize_source.png/index"] = np.asarray(index).copy()
for w, h in ((5, 4), (29, 20)):
    expected[f"resize_source.png/index_{w}x{h}"] = np.asarray(index.resize((w, h), Image.NEAREST)).copy()

out = pathlib.Path(__file__).parent / "images.safetensors"
save_file({k: torch.from_numpy(v) for k, v in {**files, **expected}.items()}, out)
print(out.stat().st_size, "bytes,", len(files), "files")
