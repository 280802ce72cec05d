# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# How the checks of the house report: a line for each that failed, and the total as last line.
# They run from the root of the house: tests/house/NAME [BUILD_DIR].

passed=0
failed=0

pass() { # (no words: what is well is not worth a line)
    passed=$((passed + 1))
}

fail() { # NAME WHY...
    failed=$((failed + 1))
    printf 'FAIL %s: ' "$1"
    shift
    printf '%s\n' "$*"
}

# check NAME COMMAND...: passes when the command succeeds; shows what it printed when it does not.
check() {
    check_name=$1
    shift
    if check_output=$("$@" 2>&1); then
        pass
    else
        fail "$check_name" "$*
$(printf '%s\n' "$check_output" | tail -n 30 | sed 's/^/    /')"
    fi
}

# empty NAME TEXT: passes when a search for violations found none.
empty() {
    if [ -z "$2" ]; then
        pass
    else
        fail "$1" "
$(printf '%s\n' "$2" | sed 's/^/    /')"
    fi
}

# The output against the pattern, both as lines; a pattern line of "..." alone matches any number.
same_lines() { # PATTERN OUTPUT
    awk '
        function matches(text, pattern,    count, part, i, at) {
            count = split(pattern, part, /\.\.\./)
            if (count == 1) return text == pattern
            if (substr(text, 1, length(part[1])) != part[1]) return 0
            text = substr(text, length(part[1]) + 1)
            for (i = 2; i < count; i++) {
                at = index(text, part[i])
                if (at == 0) return 0
                text = substr(text, at + length(part[i]))
            }
            at = length(text) - length(part[count])
            return at >= 0 && substr(text, at + 1) == part[count]
        }
        FILENAME == ARGV[1] { want[++wants] = $0; next }
        { got[++gots] = $0 }
        END {
            w = 1
            for (g = 1; g <= gots; g++) {
                if (want[w] == "..." && w < wants && matches(got[g], want[w + 1])) w += 2
                else if (want[w] == "...") continue
                else if (w <= wants && matches(got[g], want[w])) w++
                else { print "line " g " is\n  " got[g] "\nexpected\n  " want[w]; exit 1 }
            }
            if (want[w] == "...") w++
            if (w <= wants) { print "it ended before the line\n  " want[w]; exit 1 }
        }' "$1" "$2"
}

finish() {
    printf '%s passed, %s failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
