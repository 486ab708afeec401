#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws Platter's icon, a disk platter under its arm, and writes it as platter.ico with 16, 32, 48 and 256 pixels.

usage: resources/icon.py [FILE.ico]           writes resources/platter.ico, or FILE
       resources/icon.py --check [FILE.ico]   succeeds when that file shows the same pictures

Each shape is a distance to its edge, so that every size is drawn sharp and none is shrunk from another. The sizes up to
48 are bitmaps, which is what all of Windows reads; 256 is a PNG, as since Windows Vista ("Icons", Windows SDK).
"""
import math
import os
import struct
import sys
import zlib

SIZES = (16, 32, 48, 256)

RIM, PLATTER, SHEEN, TRACK = (38, 50, 62), (176, 190, 203), (214, 224, 232), (136, 152, 167)
HUB, SPINDLE, ARM, PIVOT = (72, 88, 104), (236, 240, 244), (232, 119, 34), (140, 62, 10)


def circle(x, y, cx, cy, radius):
    return math.hypot(x - cx, y - cy) - radius


def ring(x, y, radius, width):
    return abs(math.hypot(x - 0.5, y - 0.5) - radius) - width / 2


def capsule(x, y, ax, ay, bx, by, wide, narrow):
    """A bar from (ax, ay) to (bx, by) that gets thinner."""
    dx, dy = bx - ax, by - ay
    along = max(0.0, min(1.0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)))
    return math.hypot(x - ax - along * dx, y - ay - along * dy) - (wide + (narrow - wide) * along)


def sheen(x, y):
    """Two opposite sectors in which the platter shines."""
    angle = abs(math.sin(math.atan2(y - 0.5, x - 0.5) + 0.9))
    return max(circle(x, y, 0.5, 0.5, 0.42), ring(x, y, 0.29, 0.22), (angle - 0.42) * 0.3)


def shapes(size):
    """(distance, colour) from the bottom to the top; lines that would be finer than a pixel are left out."""
    yield lambda x, y: circle(x, y, 0.5, 0.5, 0.48), RIM
    yield lambda x, y: circle(x, y, 0.5, 0.5, 0.43), PLATTER
    yield sheen, SHEEN
    if size >= 32:
        for radius in (0.36, 0.29, 0.22):
            yield lambda x, y, r=radius: ring(x, y, r, max(0.006, 0.3 / size)), TRACK
    yield lambda x, y: circle(x, y, 0.5, 0.5, 0.15), HUB
    yield lambda x, y: circle(x, y, 0.5, 0.5, 0.06), SPINDLE
    yield lambda x, y: capsule(x, y, 0.86, 0.86, 0.56, 0.72, 0.085, 0.03), ARM
    yield lambda x, y: circle(x, y, 0.86, 0.86, 0.045), PIVOT


def draw(size):
    """Rows from the top, of (red, green, blue, opacity) each 0 to 255."""
    layers = list(shapes(size))
    rows = []
    for row in range(size):
        line = []
        for column in range(size):
            x, y = (column + 0.5) / size, (row + 0.5) / size
            red = green = blue = opacity = 0.0
            for distance, colour in layers:
                cover = min(1.0, max(0.0, 0.5 - distance(x, y) * size))
                if cover == 0.0:
                    continue
                total = cover + opacity * (1 - cover)
                mix = [(c * cover + old * opacity * (1 - cover)) / total for c, old in zip(colour, (red, green, blue))]
                red, green, blue = mix
                opacity = total
            line.append(tuple(int(value + 0.5) for value in (red, green, blue, opacity * 255)))
        rows.append(line)
    return rows


def bitmap(rows):
    """A device-independent bitmap with the height of picture and mask together; the mask is left to the opacity."""
    size = len(rows)
    data = struct.pack("<IiiHHIIiiII", 40, size, 2 * size, 1, 32, 0, 0, 0, 0, 0, 0)
    for line in reversed(rows):
        data += b"".join(bytes((b, g, r, a)) for r, g, b, a in line)
    for line in reversed(rows):
        bits = "".join("0" if a else "1" for _, _, _, a in line)
        bits += "0" * (-len(bits) % 32)
        data += int(bits, 2).to_bytes(len(bits) // 8, "big")
    return data


def png(rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    raw = b"".join(b"\0" + b"".join(bytes(pixel) for pixel in line) for line in rows)
    header = struct.pack(">IIBBBBB", len(rows), len(rows), 8, 6, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def icon():
    pictures = []
    for size in SIZES:
        rows = draw(size)
        pictures.append(png(rows) if size >= 256 else bitmap(rows))
    at = 6 + 16 * len(pictures)
    entries = b""
    for size, picture in zip(SIZES, pictures):
        entries += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(picture), at)
        at += len(picture)
    return struct.pack("<HHH", 0, 1, len(pictures)) + entries + b"".join(pictures)


def pictures_of(data):
    """Each picture's bytes; of a PNG the pixels, since every deflate packs them in its own way."""
    for i in range(struct.unpack_from("<H", data, 4)[0]):
        size, at = struct.unpack_from("<II", data, 6 + 16 * i + 8)
        picture = data[at:at + size]
        yield zlib.decompress(picture[picture.index(b"IDAT") + 4:-16]) if picture[1:4] == b"PNG" else picture


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    target = arguments[0] if arguments else os.path.join(os.path.dirname(os.path.abspath(__file__)), "platter.ico")
    if "--check" not in sys.argv:
        with open(target, "wb") as file:
            file.write(icon())
        return
    with open(target, "rb") as file:
        if list(pictures_of(file.read())) != list(pictures_of(icon())):
            sys.exit(f"{target}: not what resources/icon.py draws")


if __name__ == "__main__":
    main()
