# SPDX-License-Identifier: MIT
#
# cmake -DPAGES=docs/codes -DOUT=words.c -P words.cmake - the pages of the codes as an array in C:
# what `hark explain` says.

file(GLOB pages ${PAGES}/*.md)
list(SORT pages)
set(text "#include <errno.h>\n#include <stddef.h>\n\n#include \"cli/cli.h\"\n\n")
string(APPEND text "const struct cli_word cli_words[] = {\n")
foreach(page IN LISTS pages)
    get_filename_component(name ${page} NAME_WE)
    file(READ ${page} words)
    string(REPLACE "\\" "\\\\" words "${words}")
    string(REPLACE "\"" "\\\"" words "${words}")
    string(REGEX REPLACE "^# " "" words "${words}")
    string(REPLACE "`" "" words "${words}")
    string(REPLACE "\n" "\\n\"\n     \"" words "${words}")
    string(APPEND text "    {\"${name}\", ${name},\n     \"${words}\"},\n")
endforeach()
string(APPEND text "    {NULL, 0, NULL},\n};\n")
file(WRITE ${OUT} "${text}")
