/* SPDX-License-Identifier: MIT
 *
 * check.js - page.html#check draws everything and writes into <body> what came of it, for
 * tests/house/page:
 *
 *   data-plots     places for plots            data-errors     exceptions, console errors, warnings
 *   data-drawn     plots that were drawn       data-requests   what the page has asked anybody for
 *   data-marks     places of marks             data-wider      pixels that the page is too wide
 *   data-inked     marks that have their ink
 *   data-done      set last: an exception before leaves it out
 *
 * Ink is looked for where each mark must be and a little around, further than a whisker or a line
 * is thick, in the mark's own colour (or, where marks cover one another, that of another on the
 * same plot): axes, lines and words alone do not count.
 */
"use strict";

const troubles = [];
addEventListener("error", (event) => troubles.push(event.message));
addEventListener("unhandledrejection", (event) => troubles.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => troubles.push(event.blockedURI));
for (const name of ["error", "warn"]) {
    const before = console[name];
    console[name] = (...words) => {
        troubles.push(words.join(" "));
        before.apply(console, words);
    };
}

/* #abc, #aabbcc and names alike: a canvas knows what they come to. */
function pixels_of(colours) {
    const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    return colours.map((name) => {
        context.fillStyle = name;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
    });
}

const AROUND = [[0, 0], [-2, 0], [2, 0], [0, -2], [0, 2]]; /* px */

function is_like(a, b) {
    return a.every((part, i) => Math.abs(part - b[i]) <= 8);
}

function pixel_reader({ ctx }) {
    const { width, height } = ctx.canvas;
    const { data } = ctx.getImageData(0, 0, width, height);
    return (x, y) => {
        const at = 4 * (Math.round(y) * width + Math.round(x));
        return [...data.subarray(at, at + 4)];
    };
}

/* Where two marks touch, their colours mix on the edge: anything but the ground will do there. */
function inked(plot) {
    const ratio = uPlot.pxRatio;
    const colours = pixels_of([...new Set(plot.marks.map((mark) => mark.colour))]);
    const ground = [[0, 0, 0, 0], ...pixels_of(["paper", "line", "hark-shade"].map(colour))];
    const pixel_at = pixel_reader(plot.u);
    const is_touched = (mark) => plot.marks.some((other) =>
        other !== mark && Math.hypot(other.x - mark.x, other.y - mark.y) < 4 * MARK * ratio);
    const has_ink = (pixel, touched) => colours.some((c) => is_like(c, pixel)) ||
        (touched && !ground.some((c) => is_like(c, pixel)));
    return plot.marks.filter((mark) => AROUND.every(([dx, dy]) =>
        has_ink(pixel_at(mark.x + dx * ratio, mark.y + dy * ratio), is_touched(mark)))).length;
}

function draw_all() {
    document.querySelectorAll("details").forEach((d) => { d.open = true; });
    boxes.forEach(draw_box);
    return boxes.map((box) => box.plot).filter(Boolean);
}

function report() {
    const plots = draw_all();
    Object.assign(document.body.dataset, {
        plots: boxes.length,
        drawn: plots.filter((plot) => plot.u.ctx.canvas.width > 0 && plot.marks.length > 0).length,
        marks: plots.reduce((sum, plot) => sum + plot.marks.length, 0),
        inked: plots.reduce((sum, plot) => sum + inked(plot), 0),
        requests: performance.getEntriesByType("resource").length,
        wider: Math.max(0, document.documentElement.scrollWidth - innerWidth),
        errors: troubles.length,
        troubles: troubles.join(" | "),
    });
    document.body.dataset.done = "yes";
}

/* What comes late, such as the answer to a request, is waited for. */
function check() {
    draw_all();
    addEventListener("load", () => setTimeout(report, 100));
}
