/* SPDX-License-Identifier: MIT
 *
 * new.c - `hark new`: a small project that builds and tests itself, with make or CMake.
 *
 * Idea     The files are below, as they will be written, with @@ where the project's name goes. They
 *          are what its owner reads first, so they show how tasks, a group and a test look, and no
 *          more.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

struct file {
    const char *path, *text;
};

static const struct file common[] = {
    {"src/main.c", "/* @@ - tasks that wait for an event. Change it, then: make test */\n"
                   "#include \"@@.h\"\n"
                   "\n"
                   "#include <hark.h>\n"
                   "#include <stdio.h>\n"
                   "\n"
                   "static int program(void *arg)\n"
                   "{\n"
                   "    (void)arg;\n"
                   "    int greeted = greet(3);\n"
                   "    if (greeted < 0) {\n"
                   "        fprintf(stderr, \"@@: %s\\n\", hark_error_last());\n"
                   "        return greeted;\n"
                   "    }\n"
                   "    printf(\"@@: %d tasks were woken\\n\", greeted);\n"
                   "    return 0;\n"
                   "}\n"
                   "\n"
                   "int main(void)\n"
                   "{\n"
                   "    return hark_run(program, NULL) < 0;\n"
                   "}\n"},
    {"src/@@.h", "#ifndef @@_H\n"
                 "#define @@_H\n"
                 "\n"
                 "/* Starts `count` tasks that wait for one event, and sets it. In a task. Returns how\n"
                 " * many were woken, or a negative code of hark's. */\n"
                 "int greet(int count);\n"
                 "\n"
                 "#endif\n"},
    {"src/greet.c", "#include \"@@.h\"\n"
                    "\n"
                    "#include <hark.h>\n"
                    "\n"
                    "struct guests {\n"
                    "    hark_event door;\n"
                    "    int woken;\n"
                    "};\n"
                    "\n"
                    "static int guest(void *arg)\n"
                    "{\n"
                    "    struct guests *guests = arg;\n"
                    "    int rc = hark_event_wait(&guests->door);\n"
                    "    guests->woken += rc == 0;\n"
                    "    return rc;\n"
                    "}\n"
                    "\n"
                    "int greet(int count)\n"
                    "{\n"
                    "    struct guests guests = {.door = HARK_EVENT_INIT};\n"
                    "    hark_group group;\n"
                    "    int rc = hark_group_open(&group);\n"
                    "\n"
                    "    for (int i = 0; i < count && rc >= 0; i++) {\n"
                    "        hark_task task = hark_go(&group, guest, &guests);\n"
                    "        rc = task < 0 ? (int)task : 0;\n"
                    "    }\n"
                    "    if (rc == 0) {\n"
                    "        rc = hark_sleep(HARK_MS(10));\n"
                    "    }\n"
                    "    hark_event_set(&guests.door);\n"
                    "    rc = hark_group_close(&group, rc);\n"
                    "    return rc < 0 ? rc : guests.woken;\n"
                    "}\n"},
    {"tests/greet_test.c",
     "/* Each test runs in virtual time: sleeping costs nothing. */\n"
     "#include \"../src/@@.h\"\n"
     "\n"
     "#include <hark.h>\n"
     "#include <stdio.h>\n"
     "\n"
     "static int everybody_is_woken(void *arg)\n"
     "{\n"
     "    (void)arg;\n"
     "    return greet(10) == 10 ? 0 : hark_fail(-EINVAL, \"not all were woken\");\n"
     "}\n"
     "\n"
     "int main(void)\n"
     "{\n"
     "    const hark_options options = {.size = sizeof options, .virtual_clock = true};\n"
     "    int rc = hark_run_with(&options, everybody_is_woken, NULL);\n"
     "\n"
     "    printf(\"everybody_is_woken: %s\\n\", rc ? hark_error_last() : \"ok\");\n"
     "    return rc != 0;\n"
     "}\n"},
    {".gitignore", "/build/\n"},
};

static const struct file with_make[] = {
    {"Makefile", "# make        builds build/@@\n"
                 "# make test   builds and runs the tests\n"
                 "CFLAGS += -std=gnu11 -g -O2 -Wall -Wextra $(shell pkg-config --cflags hark)\n"
                 "LIBS := $(shell pkg-config --libs hark)\n"
                 "\n"
                 "build/@@: src/main.c src/greet.c src/@@.h\n"
                 "\t@mkdir -p build\n"
                 "\t$(CC) $(CFLAGS) -rdynamic -o $@ src/main.c src/greet.c $(LIBS)\n"
                 "\n"
                 "build/greet_test: tests/greet_test.c src/greet.c src/@@.h\n"
                 "\t@mkdir -p build\n"
                 "\t$(CC) $(CFLAGS) -o $@ tests/greet_test.c src/greet.c $(LIBS)\n"
                 "\n"
                 ".PHONY: test clean\n"
                 "test: build/greet_test\n"
                 "\tbuild/greet_test\n"
                 "\n"
                 "clean:\n"
                 "\trm -rf build\n"},
    {"README.md",
     "# @@\n\n    make && build/@@\n    make test\n\nIt needs hark (pkg-config finds it).\n"},
};

static const struct file with_cmake[] = {
    {"CMakeLists.txt", "cmake_minimum_required(VERSION 3.20)\n"
                       "project(@@ C)\n"
                       "find_package(hark REQUIRED)\n"
                       "\n"
                       "add_library(greet STATIC src/greet.c)\n"
                       "target_link_libraries(greet PUBLIC hark::hark)\n"
                       "\n"
                       "add_executable(@@ src/main.c)\n"
                       "target_link_libraries(@@ PRIVATE greet)\n"
                       "set_target_properties(@@ PROPERTIES ENABLE_EXPORTS ON)\n"
                       "\n"
                       "enable_testing()\n"
                       "add_executable(greet_test tests/greet_test.c)\n"
                       "target_link_libraries(greet_test PRIVATE greet)\n"
                       "add_test(NAME greet COMMAND greet_test)\n"},
    {"README.md", "# @@\n\n    cmake -B build && cmake --build build && build/@@\n"
                  "    ctest --test-dir build\n\nIt needs hark (find_package finds it).\n"},
};

/* ---- writing ----------------------------------------------------------------------------------- */

/* Letters, digits and _, and it begins with a letter: it becomes part of C and of file names. */
static bool is_name(const char *name)
{
    if (!isalpha((unsigned char)*name)) {
        return false;
    }
    for (const char *at = name; *at; at++) {
        if (!isalnum((unsigned char)*at) && *at != '_') {
            return false;
        }
    }
    return strlen(name) < 64;
}

static void put(FILE *out, const char *text, const char *name)
{
    const char *next;

    while ((next = strstr(text, "@@"))) {
        fprintf(out, "%.*s%s", (int)(next - text), text, name);
        text = next + 2;
    }
    fputs(text, out);
}

static int write_file(const struct file *file, const char *folder, const char *name)
{
    char path[CLI_PATH], relative[128] = "";
    FILE *named = fmemopen(relative, sizeof relative, "w");

    if (named) {
        put(named, file->path, name);
        fclose(named);
    }
    FILE *out = cli_path(path, "%s/%s", folder, relative) ? fopen(path, "wxe") : NULL;
    if (!out) {
        return cli_fail("%s: %s", path, strerror(errno));
    }
    put(out, file->text, name);
    bool failed = ferror(out);
    return fclose(out) || failed ? cli_fail("%s: %s", path, strerror(errno)) : 0;
}

static int write_files(const struct file *files, size_t count, const char *folder, const char *name)
{
    int status = 0;

    for (size_t i = 0; i < count && !status; i++) {
        status = write_file(&files[i], folder, name);
    }
    return status;
}

static int make_folders(const char *folder)
{
    char path[CLI_PATH];

    if (mkdir(folder, 0777)) {
        return errno == EEXIST
                   ? cli_fail("%s exists already: choose another name, or remove it", folder)
                   : cli_fail("%s: %s", folder, strerror(errno));
    }
    for (const char *const *below = (const char *const[]){"src", "tests", NULL}; *below; below++) {
        if (!cli_path(path, "%s/%s", folder, *below) || mkdir(path, 0777)) {
            return cli_fail("%s: %s", path, strerror(errno));
        }
    }
    return 0;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int make_project(const char *folder, const char *name, bool cmake)
{
    int status = make_folders(folder);

    if (!status) {
        status = write_files(common, COUNT(common), folder, name);
    }
    if (!status) {
        status = cmake ? write_files(with_cmake, COUNT(with_cmake), folder, name)
                       : write_files(with_make, COUNT(with_make), folder, name);
    }
    if (!status) {
        printf("%s is there. Next:\n\n    cd %s\n    %s\n", folder, folder,
               cmake ? "cmake -B build && cmake --build build && ctest --test-dir build"
                     : "make test");
    }
    return status;
}

static void put_help(void)
{
    puts("usage: hark new [--cmake] NAME\n\n"
         "Makes a folder NAME with a program, a test, and a Makefile (or a CMakeLists.txt) that builds\n"
         "and tests them. NAME has letters, digits and _. What exists is never touched.");
}

int cli_new(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"cmake", no_argument, NULL, 'c'},
                                            {"make", no_argument, NULL, 'm'},
                                            {0}};
    bool cmake = false;
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'h': put_help(); return 0;
        case 'c': cmake = true; break;
        case 'm': cmake = false; break;
        default: return CLI_MISUSED;
        }
    }
    if (argc - optind != 1) {
        return cli_misuse("new", optind == argc ? "what is it called?" : "one name");
    }
    const char *folder = argv[optind], *slash = strrchr(folder, '/');
    const char *name = slash ? slash + 1 : folder;
    if (!is_name(name)) {
        return cli_misuse("new",
                          "\"%s\" is no name: letters, digits and _, beginning with a letter", name);
    }
    return make_project(folder, name, cmake);
}
