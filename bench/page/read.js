/* SPDX-License-Identifier: MIT
 *
 * read.js - the results that the page carries, made into questions.
 *
 * The driver writes a document a question, its cases with the keys inside (bench/driver/json.c). A
 * page is read the other way round: a key, and how it fares in each case. Here that is turned, and
 * whatever is missing, null or not known is given a place, so that nobody else has to ask.
 *
 * Rules
 *   1  Of each question the newest document counts, and no other.
 *   2  A document that cannot be read is named on the page, and does no harm.
 *   3  No figure is made here: medians, spreads and ratios are the driver's.
 */
"use strict";

function finite(value) {
    return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function list(value) {
    return Array.isArray(value) ? value : [];
}

function read_answer(answer) {
    const values = list(answer.values).map(finite);
    return {
        who: String(answer.who ?? "somebody"),
        kind: ["limit", "hark", "peer"].includes(answer.kind) ? answer.kind : "peer",
        reference: answer.reference === true,
        median: finite(answer.median),
        least: finite(answer.least) ?? finite(answer.median),
        most: finite(answer.most) ?? finite(answer.median),
        x_limit: finite(answer.x_limit),
        x_hark: finite(answer.x_hark),
        runs: values.filter((value) => value !== null).length,
        rounds: values.length,
    };
}

/* Best first; where there is no better or worse, less first. */
function sort_answers(answers, more) {
    return answers.sort((a, b) => (more ? b.median - a.median : a.median - b.median));
}

/* A goal is reached, missed, or (null) could not be judged. */
function read_goals(goals) {
    return list(goals).filter((goal) => goal && typeof goal.text === "string").map((goal) => ({
        text: goal.text,
        value: finite(goal.value),
        reached: typeof goal.reached === "boolean" ? goal.reached : null,
    }));
}

function read_key(key) {
    return {
        key: String(key.key),
        text: String(key.text ?? key.key),
        unit: String(key.unit ?? ""),
        more: key.higher_is_better === true,
        growth: null,
        views: [],
    };
}

function read_view(one_case, key) {
    const answers = list(key.answers).map(read_answer).filter((a) => a.median !== null);
    return {
        name: String(one_case.case ?? ""),
        size: finite(one_case.size),
        goals: read_goals(key.goals),
        answers: sort_answers(answers, key.higher_is_better === true),
    };
}

/* Of a growth question: how many times dearer one is at the largest size, key by key. */
function read_growth(growth) {
    return {
        from: finite(growth.from),
        to: finite(growth.to),
        n_log_n: finite(growth.n_log_n),
        goals: read_goals(growth.goals),
        answers: new Map(list(growth.answers).map((a) =>
            [a.who, { factor: finite(a.factor), beyond: finite(a.beyond_limit) }])),
    };
}

function read_keys(document) {
    const keys = new Map();
    for (const one_case of list(document.cases)) {
        for (const key of list(one_case.keys)) {
            const view = read_view(one_case, key);
            if (view.answers.length > 0) {
                keys.set(key.key, keys.get(key.key) ?? read_key(key));
                keys.get(key.key).views.push(view);
            }
        }
    }
    for (const growth of list(document.growths)) {
        if (keys.has(growth.key)) {
            keys.get(growth.key).growth = read_growth(growth);
        }
    }
    return [...keys.values()];
}

function read_question(document, file) {
    const keys = read_keys(document);
    const sizes = new Set(list(document.cases).map((c) => finite(c.size)).filter((s) => s > 0));
    return {
        file,
        name: document.question,
        text: String(document.text ?? ""),
        date: String(document.date ?? ""),
        rounds: finite(document.rounds),
        quick: document.quick === true,
        complete: document.complete !== false,
        growth: document.growth === true && sizes.size > 1,
        machine: document.machine ?? {},
        left_out: list(document.left_out).map(String),
        stolen: finite(document.stolen_percent),
        keys,
    };
}

/* "2026-11-21T20:28:03+0000", which not every browser takes without a colon in the zone. */
function instant(date) {
    return Date.parse(date.replace(/([+-]\d\d)(\d\d)$/, "$1:$2")) || 0;
}

function parse_result(element, broken) {
    const file = element.dataset.file;
    try {
        const document = JSON.parse(element.textContent);
        if (typeof document.question !== "string" || !Array.isArray(document.cases)) {
            throw new Error("no question, or no cases");
        }
        return read_question(document, file);
    } catch (error) {
        broken.push(`${file}: ${error.message}`);
        return null;
    }
}

function goals_of(question) {
    return question.keys.flatMap((key) =>
        [...key.views.flatMap((view) => view.goals), ...(key.growth?.goals ?? [])]);
}

/* In the order of the driver's own list; those that it does not know come last. */
function read_results() {
    const newest = new Map();
    const broken = [];
    const order = (document.getElementById("order")?.textContent ?? "").split(/\s+/);
    for (const element of document.querySelectorAll("script.result")) {
        const question = parse_result(element, broken);
        const other = question && newest.get(question.name);
        if (question && (!other || instant(question.date) >= instant(other.date))) {
            newest.set(question.name, question);
        }
    }
    const rank = (q) => (order.includes(q.name) ? order.indexOf(q.name) : order.length);
    const questions = [...newest.values()].sort((a, b) => rank(a) - rank(b));
    return { questions, broken };
}

function all_answers(questions) {
    return questions.flatMap((q) => q.keys.flatMap((k) => k.views.flatMap((v) => v.answers)));
}

/* Everybody of a kind, by name. */
function names_of(questions, kind) {
    const names = all_answers(questions).filter((a) => a.kind === kind).map((a) => a.who);
    return [...new Set(names)].sort((a, b) => a.localeCompare(b, "en", { sensitivity: "base" }));
}
