# SPDX-License-Identifier: MIT
#
# gate/judge.awk - the table of bench/gate/run, and its last line: N passed, N failed.
#
# Reads the budgets, the limits and the counts, told apart by their names (-v budgets=, limits=).
# Each line is an operation and then, for one of it, instructions, system calls, looks at the clock,
# demands for memory. Given besides: `asked`, the operations to judge, in their order; `whole`, 1 if
# they are all that there are; `what` the budgets are; `percent`; `strict`. Status 1: one failed.

function say(part)
{
    verdict = verdict ((verdict == "") ? "" : "; ") part
}

function spoil(part)
{
    bad = 1
    say(part)
}

# What must be equal; a hundredth is where rounding ends.
function compare(now, then, name)
{
    if (now > then + 0.011)
        spoil(sprintf("%.2f %s, not %.2f", now, name, then))
    if (now < then - 0.011) {
        better = 1
        say(sprintf("only %.2f %s, not %.2f", now, name, then))
    }
}

function compare_instructions(now, then)
{
    grown = then ? (now / then - 1) * 100 : 0
    change = sprintf("%+.1f %%", grown)
    if (grown > percent)
        spoil("grew")
    if (grown < -percent) {
        better = 1
        say("better")
    }
}

function judge(name)
{
    verdict = ""
    bad = better = 0
    change = "-"
    if (!(name in now))
        spoil("COULD NOT BE COUNTED")
    else if (!(name in then))
        spoil("has no " what)
    else {
        compare_instructions(now[name], then[name])
        compare(calls[name], then_calls[name], "system calls")
        compare(looks[name], then_looks[name], "looks at the clock")
        compare(memory[name], then_memory[name], "demands for memory")
    }
    if (better)
        records++
    if (bad || (better && strict)) {
        failed++
        verdict = "FAILED: " verdict
    } else
        passed++
}

function two(name, list)
{
    return (name in list) ? sprintf("%.2f", list[name]) : "-"
}

function row(name)
{
    times = "-"
    if ((name in limit) && (name in now))
        times = sprintf("%.2f x", now[name] / limit[name])
    printf("%-20s %9s %9s %9s %6s %8s %8s  %s\n", name, two(name, then), two(name, now), change,
        two(name, calls), two(name, limit), times, (verdict == "") ? "ok" : verdict)
}

FILENAME == budgets {
    then[$1] = $2
    then_calls[$1] = $3
    then_looks[$1] = $4
    then_memory[$1] = $5
    next
}
FILENAME == limits {
    limit[$1] = $2
    next
}
{
    now[$1] = $2
    calls[$1] = $3
    looks[$1] = $4
    memory[$1] = $5
}
END {
    printf("%-20s %9s %9s %9s %6s %8s %8s\n", "instructions for one", what, "now", "change",
        "calls", "limit", "x limit")
    count = split(asked, names, " ")
    for (i = 1; i <= count; i++) {
        judge(names[i])
        row(names[i])
        is_asked[names[i]] = 1
    }
    for (name in then)
        if (whole && !(name in is_asked)) {
            printf("%-20s FAILED: a %s, but no such operation\n", name, what)
            failed++
        }
    if (records && what == "budget")
        printf("%d better than the budget: bench/gate/run --record, %s\n", records,
            "or the next change may spend it unseen")
    printf("%d passed, %d failed\n", passed, failed)
    exit (failed > 0)
}
