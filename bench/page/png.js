/* SPDX-License-Identifier: MIT
 *
 * png.js - a canvas as a PNG with a palette: a quarter of what the browser's own encoder makes of
 * it, for that writes four bytes a pixel, and a plot has few colours.
 *
 * Where there are too many, mostly shades of letters' edges, each of those goes to the nearest that
 * was kept. PNG: a signature, then chunks of length, type, data and checksum.
 */
"use strict";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const COLOURS = 40;
const FLAT = 0.0005; /* of all pixels have it: a colour of its own, not an edge's shade */

function checksum(bytes) {
    let crc = 0xffffffff;
    for (const byte of bytes) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++) {
            crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
        }
    }
    return ~crc >>> 0;
}

function big_endian(value) {
    return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function chunk(type, data) {
    const body = [...[...type].map((letter) => letter.charCodeAt(0)), ...data];
    return [...big_endian(data.length), ...body, ...big_endian(checksum(body))];
}

function parts_of(pixel) {
    return [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255]; /* red is the lowest byte */
}

function distance(a, b) {
    return a.reduce((sum, part, i) => sum + (part - b[i]) ** 2, 0);
}

function frequent(pixels) {
    const counts = new Map();
    for (const pixel of pixels) {
        counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    }
    return [...counts].sort((a, b) => b[1] - a[1]);
}

/* First those that fill something, then the most frequent of the others that can be told apart. */
function palette_of(counts, most) {
    const all = counts.map(([pixel]) => parts_of(pixel));
    const palette = counts.filter(([, times_there]) => times_there > most * FLAT)
        .map(([pixel]) => parts_of(pixel)).slice(0, COLOURS / 2);
    for (let apart = 64; palette.length < Math.min(COLOURS, all.length); apart /= 2) {
        for (const one of all) {
            const far = palette.every((known) => distance(known, one) >= apart ** 2);
            if (far && palette.length < COLOURS) {
                palette.push(one);
            }
        }
    }
    return palette;
}

function index_colours(pixels) {
    const counts = frequent(pixels);
    const palette = palette_of(counts, pixels.length);
    const place = new Map(counts.map(([pixel]) => {
        const far = palette.map((known) => distance(known, parts_of(pixel)));
        return [pixel, far.indexOf(Math.min(...far))];
    }));
    return { palette, places: Uint8Array.from(pixels, (pixel) => place.get(pixel)) };
}

/* A row begins with a byte that says how it is filtered: 0, not at all; 2, less the row above. */
function rows_of(bytes, width, filter) {
    const height = bytes.length / width;
    const rows = new Uint8Array(height * (width + 1));
    for (let y = 0; y < height; y++) {
        const at = y * (width + 1);
        rows[at] = filter;
        for (let x = 0; x < width; x++) {
            const above = filter === 2 && y > 0 ? bytes[(y - 1) * width + x] : 0;
            rows[at + 1 + x] = bytes[y * width + x] - above;
        }
    }
    return rows;
}

async function deflate(bytes) {
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function smallest(bytes, width) {
    const plain = await deflate(rows_of(bytes, width, 0));
    const less = await deflate(rows_of(bytes, width, 2));
    return plain.length < less.length ? plain : less;
}

async function png_of(canvas) {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    const { palette, places } = index_colours(new Uint32Array(data.buffer));
    return Uint8Array.from([
        ...SIGNATURE,
        ...chunk("IHDR", [...big_endian(width), ...big_endian(height), 8, 3, 0, 0, 0]),
        ...chunk("PLTE", palette.flat()),
        ...chunk("IDAT", await smallest(places, width)),
        ...chunk("IEND", []),
    ]);
}

function base64_of(bytes) {
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
