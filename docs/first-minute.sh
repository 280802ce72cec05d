#!/bin/sh
# SPDX-License-Identifier: MIT
#
# first-minute.sh - what a newcomer does in the first minute, step by step: `sh docs/first-minute.sh`
# in a clone. The tests run it and say how long each step took.
#
#   1  ./dev run                   tasks wait for an event, and an echo server works under load
#   2  ./dev install               hark for programs of one's own
#   3  hark new                    a project, which tests itself
#   4  the first change            ... and its test says what it broke
#   5  the first deadlock          ... is explained, with names and lines
#
# WHERE (default: a temporary folder, removed at the end) gets what is installed and made.

set -eu
cd "$(dirname "$0")/.."
where=${1:-$(mktemp -d)}
[ $# -gt 0 ] || trap 'rm -rf "$where"' EXIT

step() { # WORDS
    now=$(date +%s)
    [ -z "${began:-}" ] || echo "    ($((now - began)) s)"
    began=$now
    echo "==== $*"
}

step "1. ./dev run"
./dev run

step "2. ./dev install"
./dev install "$where/hark"
PATH=$where/hark/bin:$PATH
PKG_CONFIG_PATH=$(dirname "$(find "$where/hark" -name hark.pc)")
export PATH PKG_CONFIG_PATH XDG_CACHE_HOME="$where/cache"

step "3. hark new greeter; make test"
cd "$where"
hark new greeter
cd greeter
make -s test

step "4. a change that is wrong: the event is never set"
sed 's|    hark_event_set(&guests.door);||' src/greet.c >src/greet.new
mv src/greet.new src/greet.c
if make -s test; then
    echo "first-minute: the test did not see it"
    exit 1
fi

step "5. the same, told: who waits for what, and where"
cat src/greet.c src/main.c >told.c
sed 's|#include "greeter.h"|int greet(int count);|' told.c >whole.c
if hark run whole.c 2>report; then
    echo "first-minute: it should have failed"
    exit 1
fi
cat report
grep -q "hark: deadlock" report
grep -q "guest at .*whole.c:" report
hark explain EDEADLK
step "done"
