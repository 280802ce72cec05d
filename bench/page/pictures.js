/* SPDX-License-Identifier: MIT
 *
 * pictures.js - page.html#pictures makes pictures for the README out of the page's own plots, and
 * writes them into the page as base64, a <pre data-picture=NAME> each; bench/page/make takes them
 * out.
 *
 * A picture is light, with its own ground, and so can be read on any: a title, some plots with
 * their captions, one below the other, and a line that says where the figures come from.
 */
"use strict";

const PICTURES = [
    { name: "switch", title: "Two tasks give way to one another", plots: [["switch", 0]] },
    { name: "pingpong", title: "Two tasks wake one another", plots: [["pingpong", 0]] },
    { name: "spawn", title: "A task is spawned, ends, and is joined", plots: [["spawn_end", 0]] },
    { name: "wake", title: "One event wakes all who wait", plots: [["broadcast", 0]] },
    { name: "echo", title: "A TCP echo server", plots: [["echo", 0]] },
    ...["growth-wake", "growth-park", "growth-yield"].map((name) =>
        ({ name, title: "How the cost of one grows with how many there are", plots: [[name, 0]] })),
];
const WIDTH = 680; /* px; twice as many dots */
const EDGE = 16;
const LINE = 22;

function picture_plot([name, at]) {
    const question = results.questions.find((q) => q.name === name);
    const key = question?.keys[at];
    if (!key) {
        return null;
    }
    const element = make("div", { class: "plot" });
    element.style.width = `${WIDTH - 2 * EDGE}px`;
    document.body.append(element);
    const view = key.views.at(-1);
    const values = view.answers.flatMap((a) => [a.least, a.median, a.most]);
    const plot = question.growth ? plot_growth(element, key, peers)
        : plot_rows(element, key, view, log_range(values));
    const { canvas } = plot.u.ctx;
    element.remove();
    const caption = [`${name}: ${key_title(key)}`, question.growth ? question.text : view.name];
    return { canvas, caption: caption.filter(Boolean).join("; "), question };
}

function source_words(question) {
    const { machine } = question;
    return [`median and spread of ${count(question.rounds, "round", "rounds")}`, day(question.date),
        machine.processor, machine.kernel, "./dev bench"].filter(Boolean).join(" · ");
}

function compose(title, plots) {
    const ratio = uPlot.pxRatio;
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d");
    const plain = (words, y, font, ink) => {
        context.font = font.replace(/(\d+)px/, (all, size) => `${size * ratio}px`);
        context.fillStyle = colour(ink);
        context.fillText(cut(words, (WIDTH - 2 * EDGE) * 0.95, font), EDGE * ratio, y * ratio);
    };
    const heights = plots.map((plot) => LINE + plot.canvas.height / ratio + 6);
    canvas.width = WIDTH * ratio;
    canvas.height = (2 * EDGE + 2 * LINE + heights.reduce((a, b) => a + b, 0)) * ratio;
    context.fillStyle = colour("paper");
    context.fillRect(0, 0, canvas.width, canvas.height);
    plain(title, EDGE + 14, "bold 16px system-ui, sans-serif", "ink");
    let y = EDGE + LINE + 8;
    plots.forEach((plot, i) => {
        plain(plot.caption, y + 14, "12px system-ui, sans-serif", "soft");
        context.drawImage(plot.canvas, EDGE * ratio, (y + LINE) * ratio);
        y += heights[i];
    });
    plain(source_words(plots[0].question), y + 14, "11px system-ui, sans-serif", "soft");
    return canvas;
}

async function pictures() {
    document.documentElement.dataset.theme = "light";
    for (const { name, title, plots } of PICTURES) {
        const drawn = plots.map(picture_plot).filter(Boolean);
        if (drawn.length) {
            const picture = base64_of(await png_of(compose(title, drawn)));
            document.body.append("\n", make("pre", { "data-picture": name }, picture), "\n");
        }
    }
    document.body.dataset.done = "yes";
}
