/* SPDX-License-Identifier: MIT
 *
 * page.js - the page: a glance at everything, the machine, and a section a question.
 *
 * A plot is drawn when it comes near the window, and anew when its width, the theme or the choice
 * of who is shown has changed. A page without uPlot has all the tables and says what is missing.
 *
 * After `#` comes a question (#echo), or `check` or `pictures`: check.js and pictures.js then draw
 * everything at once and write what they found into the page, for programs to read.
 */
"use strict";

const drawable = typeof uPlot === "function";
const results = read_results();
const peers = names_of(results.questions, "peer");
const hidden_names = new Set();
const boxes = []; /* every place for a plot: { element, draw(), plot } */

function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value === true) {
            element.setAttribute(name, "");
        } else if (value !== false && value !== null) {
            element.setAttribute(name, value);
        }
    }
    element.append(...children.flat(Infinity));
    return element;
}

function mark_of(style) {
    const ns = "http://www.w3.org/2000/svg";
    const image = document.createElementNS(ns, "svg");
    const shapes = {
        disc: "M2 7a5 5 0 1 0 10 0a5 5 0 1 0-10 0z", diamond: "M7 1l6 6l-6 6l-6-6z",
        square: "M2.5 2.5h9v9h-9z", up: "M7 1l6 10h-12z", down: "M7 13l6-10h-12z",
        left: "M1 7l10-6v12z", right: "M13 7l-10-6v12z",
    };
    const path = document.createElementNS(ns, "path");
    image.setAttribute("viewBox", "0 0 14 14");
    image.setAttribute("aria-hidden", "true");
    image.classList.add("mark");
    path.setAttribute("d", shapes[style.shape]);
    path.style.fill = `var(--${style.colour})`;
    image.append(path);
    return image;
}

/* ---- plots: when ----------------------------------------------------------------------------- */

function draw_box(box) {
    box.plot?.u.destroy();
    box.element.replaceChildren();
    box.plot = null;
    box.width = box.element.clientWidth;
    if (box.width > 0) {
        box.plot = box.draw(box.element);
        box.element.style.minHeight = box.plot ? `${box.plot.u.height}px` : "";
    }
}

const watcher = drawable && "IntersectionObserver" in window
    ? new IntersectionObserver((entries) => {
        for (const { target, isIntersecting } of entries) {
            const box = boxes.find((b) => b.element === target);
            box.near = isIntersecting;
            if (isIntersecting && (!box.plot || box.width !== target.clientWidth)) {
                draw_box(box);
            }
        }
    }, { rootMargin: "600px" })
    : null;

/* Those that are near are drawn now, others when they come near. */
function draw_again() {
    for (const box of boxes) {
        if (box.near || !watcher) {
            draw_box(box);
        } else if (box.plot) {
            box.plot.u.destroy();
            box.plot = null;
        }
    }
}

/* HEIGHT keeps the page from jumping while a plot is not drawn yet. */
function plot_box(words, height, draw) {
    const element = make("div", { class: "plot", role: "img", "aria-label": words });
    const box = { element, draw, plot: null, near: false };
    element.style.minHeight = `${height}px`;
    boxes.push(box);
    watcher?.observe(element);
    element.addEventListener("pointermove", (event) => point_at(box, event));
    element.addEventListener("pointerdown", (event) => point_at(box, event));
    element.addEventListener("pointerleave", () => { tip().hidden = true; });
    return element;
}

function tip() {
    return document.getElementById("tip");
}

function point_at(box, event) {
    const { left, top } = box.element.getBoundingClientRect();
    const ratio = drawable ? uPlot.pxRatio : 1;
    const x = (event.clientX - left) * ratio;
    const y = (event.clientY - top) * ratio;
    const near = box.plot?.marks.filter((mark) => box.plot.near(mark, x, y)) ?? [];
    near.sort((a, b) => Math.hypot(a.x - x, a.y - y) - Math.hypot(b.x - x, b.y - y));
    tip().hidden = near.length === 0;
    if (near.length > 0) {
        tip().textContent = near[0].words;
        const wide = document.documentElement.clientWidth;
        const at = left + near[0].x / ratio + 14;
        tip().style.left = `${scrollX + Math.min(at, Math.max(4, wide - tip().offsetWidth - 8))}px`;
        tip().style.top = `${scrollY + top + near[0].y / ratio + 14}px`;
    }
}

/* ---- tables ---------------------------------------------------------------------------------- */

function shown(answers) {
    return answers.filter((answer) => !hidden_names.has(answer.who));
}

function scrolling(label, table) {
    return make("div", { class: "scroll", role: "region", "aria-label": label }, table);
}

function words_column(name) {
    return [name, "words"];
}

function figure_column(name) {
    return [name, null];
}

/* Columns of words stand left, those of figures right. */
function head_row(...names) {
    return make("thead", {}, make("tr", {}, names.map(([name, style]) =>
        make("th", { scope: "col", class: style }, name))));
}

function runs_words(answer) {
    const fewer = answer.runs > 1 && answer.runs < answer.rounds;
    return fewer ? ` ${answer.runs} runs` : "";
}

function answer_row(answer) {
    return make("tr", { class: answer.kind, "data-who": answer.who },
        make("th", { scope: "row" }, mark_of(row_style(answer)), answer.who,
            answer.reference ? make("abbr", { title: "× limit is against this one" }, " *") : ""),
        make("td", { "data-median": answer.median }, number(answer.median)),
        make("td", {}, spread(answer), make("small", {}, runs_words(answer))),
        make("td", {}, times(answer.x_limit)),
        make("td", {}, times(answer.x_hark)));
}

function table_of(key, view) {
    return make("table", {},
        head_row(words_column(""), ...[key.unit ? `median, ${key.unit}` : "median", "least–most",
            "× limit", "× hark"].map(figure_column)),
        make("tbody", {}, view.answers.map(answer_row)));
}

function growth_row(key, line, sizes) {
    const at = (size) => line.points.find((p) => p.size === size)?.answer ?? null;
    const growth = key.growth?.answers.get(line.who);
    return make("tr", { class: line.kind, "data-who": line.who },
        make("th", { scope: "row" }, mark_of(line_style(line, peers)), line.who),
        sizes.map((size) => make("td", { "data-median": at(size)?.median ?? null },
            at(size) ? number(at(size).median) : "–")),
        key.growth ? [make("td", {}, times(growth?.factor ?? null) || "–"),
            make("td", {}, times(growth?.beyond ?? null) || "–")] : []);
}

/* Below the contestants, what n log n would come to. */
function n_log_n_row(key, sizes) {
    return make("tr", {}, make("th", { scope: "row" }, "n log n would be"),
        sizes.map(() => make("td")), make("td", {}, times(key.growth.n_log_n)), make("td"));
}

function growth_table(key) {
    const lines = lines_of(key);
    const sizes = sizes_of(lines);
    const { growth } = key;
    const span = growth ? [`${short_number(growth.to)} ÷ ${short_number(growth.from)}`,
        "beyond the limit’s"] : [];
    return make("table", {},
        head_row(words_column(""), ...[...sizes.map(whole), ...span].map(figure_column)),
        make("tbody", {}, lines.map((line) => growth_row(key, line, sizes)),
            growth && growth.n_log_n !== null ? n_log_n_row(key, sizes) : []));
}

/* ---- a question ------------------------------------------------------------------------------ */

function goal_words(goal) {
    const [mark, style] = goal.reached === null ? ["not judged here", "soft"]
        : goal.reached ? ["reached", "good"] : ["missed", "bad"];
    const value = goal.value === null || goal.reached === null ? "" : `, ${number(goal.value)}`;
    return make("span", { class: `goal ${style}` }, `goal: ${goal.text} – ${mark}${value}`);
}

function summary_words(key, view, answers) {
    const what = [key_title(key), view.name].filter(Boolean).join(", ");
    const some = answers.slice(0, 12).map((a) => `${a.who} ${with_unit(a.median, key.unit)}`);
    return `Plot: ${what}. Best first: ${some.join("; ")}. All of it is in the table beside.`;
}

function caption_of(name, goals) {
    return name || goals.length
        ? [make("figcaption", {}, name, name && goals.length ? "; " : "",
            goals.map(goal_words))] : [];
}

function comparison(question, key, view) {
    const values = key.views.flatMap((v) => v.answers.flatMap((a) => [a.least, a.median, a.most]));
    const figure = make("figure", { class: drawable ? "pair" : null },
        caption_of(view.name, view.goals));
    if (drawable) {
        const words = summary_words(key, view, view.answers);
        figure.append(plot_box(words, view.answers.length * ROW + 34, (element) => {
            const few = { ...view, answers: shown(view.answers) };
            return few.answers.length ? plot_rows(element, key, few, log_range(values)) : null;
        }));
    }
    figure.append(scrolling(`${question.name}: ${key_title(key)} ${view.name}`,
        table_of(key, view)));
    return figure;
}

function growth_figure(question, key) {
    const figure = make("figure", {}, caption_of("", key.growth?.goals ?? []));
    if (drawable) {
        const words = `Plot: ${key_title(key)}, by size. All of it is in the table below.`;
        figure.append(plot_box(words, 300, (element) => {
            const views = key.views.map((view) => ({ ...view, answers: shown(view.answers) }));
            return lines_of({ ...key, views }).length
                ? plot_growth(element, { ...key, views }, peers) : null;
        }));
    }
    figure.append(scrolling(`${question.name}: ${key_title(key)}, by size`, growth_table(key)));
    return figure;
}

function figures(question, key) {
    return question.growth ? [growth_figure(question, key)]
        : key.views.map((view) => comparison(question, key, view));
}

function run_words(question) {
    return [
        day(question.date),
        question.rounds ? count(question.rounds, "round", "rounds") : "",
        question.quick ? "a quick run: small sizes, few rounds" : "",
    ].filter(Boolean).join("; ");
}

/* What is not as it was with the newest result; that one is told of in the machine's section. */
function question_facts(question, newest) {
    const others = other_facts(question.machine, newest.machine);
    const words = [
        run_words(question) === run_words(newest) ? "" : run_words(question),
        question.complete ? "" : "interrupted, not complete",
        question.stolen > 1
            ? `the host took ${number(question.stolen)} % of the processors’ time meanwhile` : "",
        others.length ? `not the same machine or build: ${others.join("; ")}` : "",
    ].filter(Boolean).join("; ");
    return words ? [make("p", { class: "soft" }, words)] : [];
}

function more_keys(question, keys) {
    return make("details", { class: "more" },
        make("summary", {}, `More: ${keys.map((key) => key.text).join("; ")}`),
        keys.map((key) => [make("h3", {}, key_title(key)), figures(question, key)]));
}

function section_of(question, newest) {
    const [first, ...rest] = question.keys;
    const section = make("section", { id: question.name, "aria-labelledby": `h-${question.name}` },
        make("h2", { id: `h-${question.name}` },
            make("a", { href: `#${question.name}` }, question.name), ` – ${question.text}`),
        question_facts(question, newest));
    if (first) {
        section.append(make("h3", {}, key_title(first)), ...figures(question, first));
    } else {
        section.append(make("p", { class: "note" }, "Nobody could answer this here."));
    }
    if (rest.length) {
        section.append(more_keys(question, rest));
    }
    if (question.left_out.length) {
        section.append(make("h4", {}, "Left out, and why"), make("ul", { class: "left-out" },
            question.left_out.map((words) => make("li", {}, words))));
    }
    return section;
}

/* ---- at a glance ----------------------------------------------------------------------------- */

function all_goals(question) {
    const goals = goals_of(question).filter((goal) => goal.reached !== null);
    const reached = goals.filter((goal) => goal.reached).length;
    if (goals.length === 0) {
        return "–";
    }
    const words = goals.length > 1 ? `${reached} of ${goals.length} reached`
        : reached ? "reached" : "missed";
    return make("span", { class: reached === goals.length ? "good" : "bad" }, words);
}

function glance_row(question) {
    const key = question.keys.find((k) => k.views.some((v) => v.goals.length)) ?? question.keys[0];
    const view = key.views.at(-1);
    const hark = view.answers.find((a) => a.kind === "hark");
    const peer = view.answers.find((a) => a.kind === "peer");
    const what = [key.text, view.name].filter(Boolean).join(", ");
    return make("tr", {},
        make("th", { scope: "row" }, make("a", { href: `#${question.name}` }, question.name)),
        make("td", { class: "words" }, what),
        make("td", {}, hark ? with_unit(hark.median, key.unit) : "–"),
        make("td", {}, hark ? times(hark.x_limit) || "–" : "–"),
        make("td", { class: "words" },
            peer ? `${peer.who}: ${with_unit(peer.median, key.unit)}` : "–"),
        make("td", {}, peer ? times(peer.x_hark) || "–" : "–"),
        make("td", { class: "words" }, all_goals(question)));
}

function glance(questions) {
    const table = make("table", { id: "glance" },
        head_row(words_column("question"), words_column("what"), figure_column("hark"),
            figure_column("× limit"), words_column("best peer"),
            figure_column("× hark"), words_column("goals")),
        make("tbody", {}, questions.filter((q) => q.keys.length).map(glance_row)));
    return make("section", { id: "at-a-glance", "aria-labelledby": "h-glance" },
        make("h2", { id: "h-glance" }, "At a glance"),
        make("p", { class: "soft" }, "Of each question one figure, in the last of its cases. ",
            "“× limit” is hark’s, “× hark” the best peer’s. Goals are those of all its figures."),
        scrolling("At a glance", table));
}

function facts_list(facts) {
    return make("dl", { class: "facts" }, facts.map(([words, text]) =>
        [make("dt", {}, words), make("dd", {}, text)]));
}

function machine_section(newest) {
    const rank = (fact) => Object.keys(FACTS).indexOf(fact.name);
    const facts = facts_of(newest.machine);
    const chief = facts.filter((fact) => rank(fact) >= 0).sort((a, b) => rank(a) - rank(b));
    const rest = facts.filter((fact) => rank(fact) < 0);
    const pair = (fact) => [fact.words, fact.text];
    return make("section", { id: "machine", "aria-labelledby": "h-machine" },
        make("h2", { id: "h-machine" }, "The machine, and what was measured on it"),
        make("p", { class: "soft" }, "This is where the newest results are from; a question that ",
            "was measured elsewhere, or at another time, says so."),
        facts_list([["measured", run_words(newest)], ...chief.map(pair),
            ["peers", peers.join(", ") || "none took part"]]),
        rest.length ? make("details", { class: "more" },
            make("summary", {}, "Whatever else was noted"), facts_list(rest.map(pair))) : "");
}

function broken_section(broken) {
    return make("section", { id: "not-read" }, make("h2", {}, "Results that could not be read"),
        make("ul", {}, broken.map((words) => make("li", {}, words))));
}

/* ---- who is shown ---------------------------------------------------------------------------- */

function filter_changed() {
    for (const row of document.querySelectorAll("tr[data-who]")) {
        row.hidden = hidden_names.has(row.dataset.who);
    }
    const all = peers.length + limits.length;
    document.getElementById("said").textContent =
        `${all - hidden_names.size} of ${all} shown beside hark`;
    draw_again();
}

const limits = names_of(results.questions, "limit");

function show(names, shown_now) {
    names.forEach((name) => (shown_now ? hidden_names.delete(name) : hidden_names.add(name)));
}

/* One box for all limits, one for each peer. */
function build_filter() {
    const form = document.querySelector("#filter form");
    const choices = [...(limits.length ? [["all limits", limits, "limit"]] : []),
        ...peers.map((name) => [name, [name], "peer"])];
    for (const [words, names, kind] of choices) {
        const box = make("input", { type: "checkbox", checked: true });
        const style = kind === "peer" ? line_style({ who: words, kind }, peers)
            : row_style({ kind });
        box.addEventListener("change", () => {
            show(names, box.checked);
            filter_changed();
        });
        form.querySelector("fieldset").append(make("label", {}, box, " ", mark_of(style), words));
    }
    for (const button of form.querySelectorAll("button")) {
        button.addEventListener("click", () => {
            const everybody = button.value === "all";
            form.querySelectorAll("input").forEach((box) => { box.checked = everybody; });
            choices.forEach(([, names]) => show(names, everybody));
            filter_changed();
        });
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

function build_contents(questions) {
    const places = [["at-a-glance", "at a glance"], ["machine", "the machine"],
        ...questions.map((q) => [q.name, q.name])];
    document.querySelector("#contents ol").append(
        ...places.map(([id, words]) => make("li", {}, make("a", { href: `#${id}` }, words))));
}

function newest_of(questions) {
    return [...questions].sort((a, b) => instant(b.date) - instant(a.date))[0];
}

function build_head() {
    const key = document.getElementById("key");
    key.append(...["hark", "limit", "peer"].map((kind) =>
        make("span", {}, mark_of(row_style({ kind })), kind)),
    make("span", {}, "whiskers: the least and the most of all rounds"));
    key.hidden = !drawable;
    document.getElementById("no-plots").hidden = drawable;
    document.getElementById("licence").hidden = !drawable;
}

function build() {
    const { questions, broken } = results;
    const main = document.querySelector("main");
    const newest = newest_of(questions);
    build_head();
    if (questions.length === 0) {
        main.append(make("p", { class: "note" }, "There are no results yet: ",
            make("code", {}, "./dev bench --quick"), " makes some in under two minutes."));
    } else {
        main.append(glance(questions), machine_section(newest),
            ...questions.map((question) => section_of(question, newest)));
    }
    if (broken.length) {
        main.append(broken_section(broken));
    }
    build_contents(questions);
    build_filter();
}

/* A link to a question leads there also when what it names has only now been built. */
function go_to_hash() {
    const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    place?.scrollIntoView();
}

/* What is wider than its box can be moved by the keyboard, too. */
function reach_scrolling() {
    for (const box of document.querySelectorAll(".scroll")) {
        box.toggleAttribute("tabindex", false);
        if (box.scrollWidth > box.clientWidth) {
            box.tabIndex = 0;
        }
    }
}

function follow_the_window() {
    reach_scrolling();
    document.querySelectorAll(".more")
        .forEach((more) => more.addEventListener("toggle", reach_scrolling));
    let last = document.documentElement.clientWidth;
    addEventListener("resize", () => {
        if (document.documentElement.clientWidth !== last) {
            last = document.documentElement.clientWidth;
            draw_again();
            reach_scrolling();
        }
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw_again);
    addEventListener("beforeprint", () => {
        document.querySelectorAll("details").forEach((d) => { d.open = true; });
        boxes.forEach(draw_box);
    });
    if (matchMedia("(max-width: 70rem)").matches) {
        document.querySelectorAll("aside details").forEach((d) => { d.open = false; });
    }
}
