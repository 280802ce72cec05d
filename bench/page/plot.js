/* SPDX-License-Identifier: MIT
 *
 * plot.js - the plots, drawn by uPlot: who is how fast (a dot and whiskers a row, on a logarithmic
 * axis), and how a cost grows (a line each, both axes logarithmic).
 *
 * uPlot has the canvas, the scales, the axes and the grid; what is ours comes in by its hooks: a
 * `paths` function makes whiskers and marks, and `drawAxes` and `draw` put words beside them.
 *
 * Rules
 *   1  Each mark is written down (`plot.marks`), with its place, colour and words: hovering reads
 *      that list, and so does check.js, which looks for ink at each of those places.
 *   2  An axis covers a factor of three at least: what is nearly equal must look so.
 *   3  What is not above zero has no place on a logarithmic axis: it is said in words, not drawn.
 *   4  Colours are read from the style sheet at each drawing, so a change of theme needs no more.
 */
"use strict";

const FONT = "12px system-ui, sans-serif";
const BOLD = "bold 12px system-ui, sans-serif";
const ROW = 26; /* px; the tables' rows are as high */
const MARK = 5; /* px, half a mark's width */
const WHISKER = 4;
const LEAST_FACTOR = 3;

function colour(name) {
    const found = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    return found || "#000000";
}

/* ---- shapes ---------------------------------------------------------------------------------- */

/* All go round clockwise, as arcs and rectangles do: where a mark covers a whisker, two directions
 * would make a hole. */
function polygon(path, x, y, points) {
    points.forEach(([dx, dy], i) => path[i ? "lineTo" : "moveTo"](x + dx, y + dy));
    path.closePath();
}

function disc(path, x, y, r) {
    path.moveTo(x + r, y);
    path.arc(x, y, r, 0, 2 * Math.PI);
}

/* A triangle that points to where DX, DY are. */
function triangle(dx, dy) {
    const back = [-0.8 * dx, -0.8 * dy];
    const side = [-1.1 * dy, 1.1 * dx];
    return (path, x, y, r) => polygon(path, x, y, [
        [1.2 * dx * r, 1.2 * dy * r],
        [(back[0] + side[0]) * r, (back[1] + side[1]) * r],
        [(back[0] - side[0]) * r, (back[1] - side[1]) * r],
    ]);
}

const SHAPES = {
    disc,
    diamond: (path, x, y, r) =>
        polygon(path, x, y, [[0, -1.25 * r], [1.25 * r, 0], [0, 1.25 * r], [-1.25 * r, 0]]),
    square: (path, x, y, r) =>
        polygon(path, x, y, [[-0.9 * r, -0.9 * r], [0.9 * r, -0.9 * r], [0.9 * r, 0.9 * r],
            [-0.9 * r, 0.9 * r]]),
    up: triangle(0, -1),
    down: triangle(0, 1),
    left: triangle(-1, 0),
    right: triangle(1, 0),
};
const OF_KIND = { hark: "disc", limit: "diamond", peer: "square" };
const OF_PEERS = ["square", "up", "down", "left", "right"];

/* How somebody is drawn among lines: peers must be told from one another, too. */
function line_style(answer, peers) {
    const at = peers.indexOf(answer.who);
    if (answer.kind !== "peer" || at < 0) {
        return { colour: answer.kind, shape: OF_KIND[answer.kind], dash: answer.kind === "limit" };
    }
    return { colour: `peer-${at % 8}`, shape: OF_PEERS[at % OF_PEERS.length], dash: false };
}

function row_style(answer) {
    return { colour: answer.kind, shape: OF_KIND[answer.kind], dash: false };
}

/* ---- axes ------------------------------------------------------------------------------------ */

/* From the least to the most that is drawn, widened about its middle where that is narrow. */
function log_range(values) {
    const good = values.filter((value) => value > 0);
    if (good.length === 0) {
        return [0.1, 10];
    }
    let low = Math.min(...good);
    let high = Math.max(...good);
    const lacking = Math.sqrt(Math.max(1, LEAST_FACTOR / (high / low)));
    low /= lacking;
    high *= lacking;
    const margin = (high / low) ** 0.04;
    return [low / margin, high * margin];
}

/* Powers of ten; where they are too few, threes with them; then 1, 2, 5; then most digits. */
function log_ticks(low, high, room) {
    const choices = [[3, [1]], [3, [1, 3]], [2, [1, 2, 5]], [0, [1, 1.5, 2, 3, 4, 5, 6, 8]]];
    for (const [enough, digits] of choices) {
        const ticks = [];
        for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
            for (const digit of digits) {
                const tick = +(digit * 10 ** power).toPrecision(6);
                if (tick >= low && tick <= high) {
                    ticks.push(tick);
                }
            }
        }
        if (ticks.length >= enough) {
            const step = Math.ceil(ticks.length / Math.max(2, room));
            return ticks.filter((tick, i) => i % step === 0);
        }
    }
    return [];
}

function axis(scale, side, size, ticks, words) {
    return {
        scale, side, size, font: FONT, stroke: colour("soft"), gap: 4,
        splits: () => ticks, values: () => words, filter: (u, splits) => splits,
        grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, border: { show: false },
    };
}

function measure(text, font) {
    measure.context ??= document.createElement("canvas").getContext("2d");
    measure.context.font = font;
    return measure.context.measureText(text).width;
}

/* A long name goes over two lines; what is longer still is cut short. */
function fold(text, width, font) {
    if (measure(text, font) <= width) {
        return [text];
    }
    const words = text.split(" ");
    let at = words.length - 1;
    while (at > 1 && measure(words.slice(0, at).join(" "), font) > width) {
        at--;
    }
    return [words.slice(0, at).join(" "), words.slice(at).join(" ")].filter(Boolean)
        .map((line) => cut(line, width, font));
}

function cut(line, width, font) {
    while (line.length > 1 && measure(line, font) > width) {
        line = `${line.slice(0, -2)}…`;
    }
    return line;
}

/* ---- what both kinds of plot share ----------------------------------------------------------- */

function options(width, height, rest) {
    const none = { show: false };
    return { width, height, legend: none, select: none, cursor: none, ...rest };
}

function series_of(style, width, paths) {
    const ink = colour(style.colour);
    return {
        scale: "y", stroke: ink, fill: ink, width, dash: style.dash ? [6, 4] : undefined, paths,
        points: { show: false },
    };
}

function words_of(answer, key, name) {
    const words = [
        name ? `${answer.who}, ${name}` : answer.who,
        `${with_unit(answer.median, key.unit)}  (${spread(answer)})`,
    ];
    if (answer.x_limit !== null) {
        words.push(`${times(answer.x_limit)} × limit`);
    }
    if (answer.x_hark !== null) {
        words.push(`${times(answer.x_hark)} × hark`);
    }
    return words.join("\n");
}

/* Paths of one series: a mark at each place, with whiskers; where LINE, from one to the next. */
function draw_answers(style, places, line) {
    const ratio = uPlot.pxRatio;
    const stroke = line ? new Path2D() : null;
    const fill = new Path2D();
    places.forEach(({ x, y, ends }, i) => {
        if (line) {
            stroke[i ? "lineTo" : "moveTo"](x, y);
        }
        if (Math.hypot(ends[1].x - ends[0].x, ends[1].y - ends[0].y) > 2 * MARK * ratio) {
            whisker(fill, ends[0], ends[1], ratio);
        }
        SHAPES[style.shape](fill, x, y, MARK * ratio);
    });
    return { stroke, fill, clip: null, band: null, gaps: null, flags: 0 };
}

/* uPlot keeps the paths of a series until they must change: its marks are kept as long. */
function note_marks(plot, series, key, style, places) {
    plot.of_series[series] = places.map(({ x, y, answer, name }) =>
        ({ x, y, colour: colour(style.colour), words: words_of(answer, key, name) }));
    plot.marks = plot.of_series.flat();
}

/* A thin bar with an end across at either side; shorter than the mark, there is none to be seen. */
function whisker(path, from, to, ratio) {
    const thin = 0.75 * ratio;
    const wide = WHISKER * ratio;
    const lying = from.y === to.y;
    const bar = (a, b, half_x, half_y) => path.rect(
        Math.min(a.x, b.x) - half_x, Math.min(a.y, b.y) - half_y,
        Math.abs(a.x - b.x) + 2 * half_x, Math.abs(a.y - b.y) + 2 * half_y);
    bar(from, to, thin, thin);
    for (const end of [from, to]) {
        bar(end, end, lying ? thin : wide, lying ? wide : thin);
    }
}

/* A place on the canvas that is never outside of it: a whisker may begin at zero. */
function place(u, scale, value) {
    const { min } = u.scales[scale];
    return u.valToPos(Math.max(value, min), scale, true);
}

function write(u, text, x, y, look) {
    const plain = { font: FONT, ink: colour("ink"), align: "left", ground: colour("paper") };
    const { font, ink, align, ground } = { ...plain, ...look };
    const ratio = uPlot.pxRatio;
    const { ctx } = u;
    ctx.save();
    ctx.font = font.replace("12px", `${12 * ratio}px`);
    ctx.fillStyle = ink;
    ctx.textAlign = align;
    ctx.textBaseline = "middle";
    ctx.lineWidth = 4 * ratio;
    ctx.lineJoin = "round";
    ctx.strokeStyle = ground;
    ctx.strokeText(text, x, y); /* no line of the grid goes through it */
    ctx.fillText(text, x, y);
    ctx.restore();
}

/* ---- who is how fast ------------------------------------------------------------------------- */

const WORDS = 62; /* px: the value stands right of the whisker, so the axis is longer by it */

function make_room([low, high], room) {
    return [low, high * (high / low) ** (WORDS / Math.max(WORDS, room - WORDS))];
}

function row_font(row) {
    return row.kind === "hark" ? BOLD : FONT;
}

function row_places(u, rows, kind, name) {
    return rows.map((row, i) => ({ row, i }))
        .filter(({ row }) => row.kind === kind && row.median > 0)
        .map(({ row, i }) => {
            const y = u.valToPos(i, "x", true);
            const ends = [row.least, row.most].map((value) => ({ x: place(u, "y", value), y }));
            return { x: place(u, "y", row.median), y, ends, answer: row, name };
        });
}

function shade_hark(u, rows) {
    const high = ROW * uPlot.pxRatio;
    rows.forEach((row, i) => {
        if (row.kind === "hark") {
            u.ctx.fillStyle = colour("hark-shade");
            u.ctx.fillRect(0, u.valToPos(i, "x", true) - high / 2, u.ctx.canvas.width, high);
        }
    });
}

function write_value(u, row, y, look) {
    const ratio = uPlot.pxRatio;
    if (!(row.median > 0)) {
        write(u, `${number(row.median)} (no place here)`, u.bbox.left + 6 * ratio, y, look);
        return;
    }
    const x = Math.max(place(u, "y", row.most), place(u, "y", row.median) + MARK * ratio);
    write(u, number(row.median), x + 6 * ratio, y, look);
}

function write_rows(u, rows, names) {
    const ratio = uPlot.pxRatio;
    rows.forEach((row, i) => {
        const y = u.valToPos(i, "x", true);
        const look = row.kind === "hark"
            ? { font: BOLD, ink: colour("hark"), ground: colour("hark-shade") } : {};
        names[i].forEach((line, n) => {
            const off = (n - (names[i].length - 1) / 2) * 12 * ratio;
            write(u, line, u.bbox.left - 8 * ratio, y + off, { ...look, align: "right" });
        });
        write_value(u, row, y, { ...look, ink: colour("ink") });
    });
}

function row_values(rows, kind) {
    return rows.map((row) => (row.kind === kind ? row.median : null));
}

/* Rows from top to bottom: uPlot's x axis stands upright and counts the rows, y lies. */
function plot_rows(box, key, view, range) {
    const rows = view.answers;
    const places = rows.map((row, i) => i);
    const kinds = ["limit", "peer", "hark"].filter((kind) => rows.some((row) => row.kind === kind));
    const width = box.clientWidth;
    const widest = Math.max(...rows.map((row) => measure(row.who, BOLD)));
    const beside = Math.min(widest, 0.4 * width, 230);
    const room = width - beside - 30;
    const names = rows.map((row) => fold(row.who, beside + 1, row_font(row)));
    const [low, high] = make_room(range, room);
    const ticks = log_ticks(low, high, room / 55);
    const plot = { marks: [], of_series: [] };
    const paths = (kind) => (u, at) => {
        const found = row_places(u, rows, kind, view.name);
        note_marks(plot, at, key, row_style({ kind }), found);
        return draw_answers(row_style({ kind }), found, false);
    };
    plot.near = (mark, x, y) => Math.abs(mark.y - y) < ROW * uPlot.pxRatio / 2;
    plot.u = new uPlot(options(width, rows.length * ROW + 34, {
        padding: [4, 8, 0, 0],
        scales: {
            x: { time: false, ori: 1, dir: -1, range: [-0.5, rows.length - 0.5] },
            y: { ori: 0, distr: 3, log: 10, range: () => [low, high] },
        },
        axes: [
            axis("x", 3, beside + 22, places, places.map(() => "")),
            axis("y", 2, 26, ticks, ticks.map(short_number)),
        ],
        series: [{}, ...kinds.map((kind) => series_of(row_style({ kind }), 1.5, paths(kind)))],
        hooks: {
            drawClear: [(u) => shade_hark(u, rows)],
            draw: [(u) => write_rows(u, rows, names)],
        },
    }), [places, ...kinds.map((kind) => row_values(rows, kind))], box);
    plot.u.batch(() => {});
    return plot;
}

/* ---- how a cost grows ------------------------------------------------------------------------ */

/* Who appears in any case, each with a point a size. */
function lines_of(key) {
    const lines = new Map();
    for (const view of key.views.filter((v) => v.size > 0)) {
        for (const answer of view.answers) {
            if (!lines.has(answer.who)) {
                lines.set(answer.who, { who: answer.who, kind: answer.kind, points: [] });
            }
            lines.get(answer.who).points.push({ size: view.size, answer });
        }
    }
    for (const line of lines.values()) {
        line.points.sort((a, b) => a.size - b.size);
    }
    return [...lines.values()];
}

function sizes_of(lines) {
    const sizes = new Set(lines.flatMap((line) => line.points.map((p) => p.size)));
    return [...sizes].sort((a, b) => a - b);
}

function line_places(u, line) {
    return line.points.filter((p) => p.answer.median > 0).map(({ size, answer }) => {
        const x = place(u, "x", size);
        const ends = [answer.least, answer.most].map((value) => ({ x, y: place(u, "y", value) }));
        return { x, y: place(u, "y", answer.median), ends, answer, name: whole(size) };
    });
}

function line_values(line, sizes) {
    return sizes.map((size) => line.points.find((p) => p.size === size)?.answer.median ?? null);
}

function plot_growth(box, key, peers) {
    const lines = lines_of(key).filter((line) => line.points.some((p) => p.answer.median > 0))
        .sort((a, b) => (a.kind === "hark") - (b.kind === "hark")); /* hark is drawn last, on top */
    const styles = lines.map((line) => line_style(line, peers));
    const sizes = sizes_of(lines);
    const answers = lines.flatMap((line) => line.points.map((p) => p.answer));
    const across = log_range(sizes);
    const [low, high] = log_range(answers.flatMap((a) => [a.least, a.median, a.most]));
    const width = box.clientWidth;
    const height = Math.round(Math.min(420, Math.max(260, width * 0.5)));
    const ticks = log_ticks(low, high, height / 40);
    const labelled = width >= 520; /* on a phone the table's marks must do */
    const names = Math.max(0, ...lines.map((line) => measure(line.who, BOLD)));
    const plot = { marks: [], of_series: [] };
    const paths = (line, style) => (u, at) => {
        const found = line_places(u, line);
        note_marks(plot, at, key, style, found);
        return draw_answers(style, found, true);
    };
    plot.near = (mark, x, y) => Math.hypot(mark.x - x, mark.y - y) < 24 * uPlot.pxRatio;
    plot.u = new uPlot(options(width, height, {
        padding: [10, labelled ? Math.min(names + 24, 220) : 14, 0, 0],
        scales: {
            x: { time: false, distr: 3, log: 10, range: () => across },
            y: { distr: 3, log: 10, range: () => [low, high] },
        },
        axes: [
            axis("x", 2, 26, sizes, sizes.map(short_number)),
            axis("y", 3, 48, ticks, ticks.map(short_number)),
        ],
        series: [{}, ...lines.map((line, i) =>
            series_of(styles[i], line.kind === "hark" ? 2.5 : 1.5, paths(line, styles[i])))],
        hooks: { draw: [(u) => labelled && label_lines(u, lines, styles)] },
    }), [sizes, ...lines.map((line) => line_values(line, sizes))], box);
    plot.u.batch(() => {});
    return plot;
}

/* At the right end of each line, pushed apart where they would cover one another. */
function label_lines(u, lines, styles) {
    const ratio = uPlot.pxRatio;
    const step = 14 * ratio;
    const labels = lines.map((line, i) => {
        const last = line.points.filter((p) => p.answer.median > 0).at(-1);
        return { line, style: styles[i], at: place(u, "y", last.answer.median) };
    }).sort((a, b) => a.at - b.at);
    const bottom = u.bbox.top + u.bbox.height;
    labels.forEach((label, i) => {
        label.y = Math.max(label.at, i ? labels[i - 1].y + step : u.bbox.top);
    });
    for (let i = labels.length - 1; i >= 0; i--) {
        const below = i + 1 < labels.length ? labels[i + 1].y - step : bottom;
        labels[i].y = Math.min(labels[i].y, below);
    }
    for (const { line, style, y } of labels) {
        const x = u.bbox.left + u.bbox.width + 6 * ratio;
        const path = new Path2D();
        SHAPES[style.shape](path, x + MARK * ratio, y, 0.8 * MARK * ratio);
        u.ctx.fillStyle = colour(style.colour);
        u.ctx.fill(path);
        write(u, line.who, x + 2.8 * MARK * ratio, y,
            { font: line.kind === "hark" ? BOLD : FONT, ink: colour(style.colour) });
    }
}
