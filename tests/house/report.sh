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

finish() {
    printf '%s passed, %s failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
