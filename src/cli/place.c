/* SPDX-License-Identifier: MIT
 *
 * place.c - where hark stands, and where it may keep things.
 *
 * Idea     The program finds its headers and libraries from where it is itself, so that an installed
 *          tree may be moved: ../include and the folder of libraries beside bin; or, in a build
 *          that was not installed, the build's own folder and the source's include.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

bool cli_path(char *path, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(path, CLI_PATH, format, arguments);
    va_end(arguments);
    return length >= 0 && length < CLI_PATH;
}

static bool exists(const char *folder, const char *file)
{
    char path[CLI_PATH];

    return cli_path(path, "%s/%s", folder, file) && access(path, R_OK) == 0;
}

static bool own_folder(char *folder)
{
    ssize_t length = readlink("/proc/self/exe", folder, CLI_PATH - 1);

    if (length <= 0) {
        return false;
    }
    folder[length] = 0;
    char *slash = strrchr(folder, '/');
    if (slash) {
        *slash = 0;
    }
    return slash;
}

/* The headers of a build's source, as CMake has noted it. */
static bool find_source(const char *build, char *include)
{
    static const char key[] = "CMAKE_HOME_DIRECTORY:INTERNAL=";
    char path[CLI_PATH], line[CLI_PATH];
    bool found = false;
    FILE *cache = cli_path(path, "%s/CMakeCache.txt", build) ? fopen(path, "re") : NULL;

    while (cache && !found && fgets(line, sizeof line, cache)) {
        found = strncmp(line, key, sizeof key - 1) == 0;
    }
    if (cache) {
        fclose(cache);
    }
    line[found ? strcspn(line, "\n") : 0] = 0;
    return found && cli_path(include, "%s/include", line + sizeof key - 1);
}

int cli_place_find(struct cli_place *place)
{
    char here[CLI_PATH];

    if (!own_folder(here)) {
        return cli_fail("where this program is cannot be found out: is /proc mounted?");
    }
    if (exists(here, "libhark.a") && find_source(here, place->include)) {
        return cli_path(place->library, "%s", here) ? 0 : CLI_FAILED;
    }
    if (!cli_path(place->include, "%s/%s", here, HARK_CLI_INCLUDE) ||
        !cli_path(place->library, "%s/%s", here, HARK_CLI_LIBRARY) ||
        !exists(place->include, "hark.h") || !exists(place->library, "libhark.a")) {
        return cli_fail("%s has no hark.h, or %s no libhark.a: is hark installed whole?",
                        place->include, place->library);
    }
    return 0;
}

/* ---- folders to write to ----------------------------------------------------------------------- */

static bool make_folder(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

bool cli_cache_folder(char *path)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char above[CLI_PATH];
    bool named = cache && *cache == '/' ? cli_path(above, "%s", cache)
                 : home && *home == '/' ? cli_path(above, "%s/.cache", home)
                                        : false;

    return named && make_folder(above) && cli_path(path, "%s/hark", above) && make_folder(path) &&
           access(path, W_OK | X_OK) == 0;
}

bool cli_own_folder(char *path)
{
    const char *temporary = getenv("TMPDIR");

    return cli_path(path, "%s/hark-XXXXXX", temporary && *temporary ? temporary : "/tmp") &&
           mkdtemp(path) != NULL;
}
