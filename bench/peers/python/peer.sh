# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154
#
# What the peers in Python have in common: sourced by their `peer`, which has set `module`, or
# several with commas, the first of which gives the version.
#
# All run in the same interpreter, the system's if it has the modules, for that is the one to which
# packages belong, and through run.py. It is asked in another folder: here some are called as modules
# are.

interpreter() {
    for python in /usr/bin/python3 python3; do
        (cd / && "$python" -c "import sys, $module; print(sys.executable)" 2>/dev/null) && return 0
    done
    return 1
}

found() { interpreter >/dev/null; }

version() {
    "$(interpreter)" -c 'import sys, importlib.metadata as m, platform
print(platform.python_version() if sys.argv[1] in sys.stdlib_module_names
      else m.version(sys.argv[1]))' "${module%%,*}"
}

program() {
    printf '%s\t-B\t%s\t%s\t%s\n' "$(interpreter)" "$here/python/run.py" "${folder##*/}" \
        "${programs:-$folder}/$1.py"
}
