/* SPDX-License-Identifier: MIT
 *
 * words.js - figures as text, as the driver's own tables have them: three digits, for there are no
 * more in it.
 */
"use strict";

/* 0.012, 1.23, 12.3, 123, 1,234 and from there on four digits. */
function number(value) {
    if (value === null) {
        return "";
    }
    const size = Math.abs(value);
    const decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.995 ? 2 : 3;
    if (size >= 1000) {
        const step = 10 ** (Math.floor(Math.log10(size)) - 3);
        value = step > 1 ? Math.round(value / step) * step : value;
    }
    return value.toLocaleString("en-GB", {
        minimumFractionDigits: decimals, maximumFractionDigits: decimals,
    });
}

/* A size, of which every digit counts. */
function whole(value) {
    return value.toLocaleString("en-GB");
}

function times(value) {
    return value === null ? "" : value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

function spread(answer) {
    return answer.runs === 1 ? "one run" : `${number(answer.least)}–${number(answer.most)}`;
}

/* For an axis, where there is little room: 1, 20, 5k, 1M. */
function short_number(value) {
    for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
        if (Math.abs(value) >= size) {
            return `${+(value / size).toPrecision(3)}${letter}`;
        }
    }
    return String(+value.toPrecision(3));
}

function with_unit(value, unit) {
    return unit ? `${number(value)} ${unit}` : number(value);
}

function key_title(key) {
    return `${key.text}${key.unit ? `, ${key.unit}` : ""}${key.more ? " (more is better)" : ""}`;
}

function day(date) {
    return date.replace("T", " ").replace(/:\d\d([+-]\d{4})?$/, (all, zone) =>
        zone && zone !== "+0000" ? ` ${zone}` : "");
}

function count(number_of, one, several) {
    return `${number_of} ${number_of === 1 ? one : several}`;
}

/* What the chief facts of a machine are called. Others show their own names, below these. */
const FACTS = {
    processor: "processor", processors: "processors usable", memory_gib: "memory, GiB",
    kernel: "kernel", virtual_machine: "a virtual machine", container: "in a container",
    hubs: "hubs that work here", guard: "stacks guarded by", commit: "hark’s commit",
    compiler: "compiler", libc: "C library", flags: "compiled with",
};
const FLEETING = ["load_before"]; /* not of the machine, but of the moment */

/* A flat list of { name, words, text }; a fact may have facts inside. */
function facts_of(machine, within = "") {
    return Object.entries(machine).flatMap(([name, value]) => {
        const words = within + (FACTS[name] ?? name.replace(/_/g, " "));
        if (value !== null && typeof value === "object" && !Array.isArray(value)) {
            return facts_of(value, `${words}: `);
        }
        const known = value === true ? "yes" : value === false ? "no" : value ?? "not known";
        const text = Array.isArray(value) ? value.join(" ") : String(known);
        return text === "" ? [] : [{ name, words, text }];
    });
}

/* The facts of one machine that are not the other's. */
function other_facts(machine, other) {
    const known = new Set(facts_of(other).map((fact) => `${fact.words} ${fact.text}`));
    return facts_of(machine).map((fact) => `${fact.words} ${fact.text}`)
        .filter((words, i) => !known.has(words) && !FLEETING.includes(facts_of(machine)[i].name));
}
