/* SPDX-License-Identifier: MIT
 *
 * run.c - `hark run`: a C program compiled and run as if it were a script.
 *
 * Idea     What the preprocessor makes of the file, headers and all, the compiler, the flags and the
 *          library decide what the program is: their hash is its name in the cache. So nothing is
 *          ever stale, and what was compiled once starts at once.
 *
 *              FILE.c --cc -E--> hash --in the cache?--> run
 *                                  '--no--> cc --> rename into the cache --> run
 *
 * Rules    R1  A program enters the cache by a rename: it is there whole, or not.
 *          R2  Without a cache (no home, a full disk, a read-only one) it is compiled into a folder
 *              of this run's own, which is gone afterwards.
 *          R3  The program's end is ours: the same status, or the same signal.
 *          R4  Its stdin and stdout are its own. Its stderr comes through here, so that places in
 *              hark's reports get functions and lines; --raw leaves it alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <hark.h>
#include <stdarg.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

enum { ARGUMENTS = 64 };

struct job {
    const char *file;
    struct cli_place place;
    const char *compiler;
    char *arguments[ARGUMENTS];
    int count;
    char own[CLI_PATH]; /* a folder that goes with this run; "" */
    char folder[CLI_PATH];
    char program[CLI_PATH];
};

/* ---- compiling --------------------------------------------------------------------------------- */

static void add(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct job *job, const char *format, ...)
{
    char *argument = NULL;
    va_list list;

    va_start(list, format);
    if (vasprintf(&argument, format, list) >= 0 && job->count < ARGUMENTS - 1) {
        job->arguments[job->count++] = argument;
        job->arguments[job->count] = NULL;
    }
    va_end(list);
}

static void add_words(struct job *job, const char *words)
{
    while (*(words += strspn(words, " "))) {
        size_t length = strcspn(words, " ");
        add(job, "%.*s", (int)length, words);
        words += length;
    }
}

static void begin_arguments(struct job *job)
{
    while (job->count > 0) {
        free(job->arguments[--job->count]);
    }
    add_words(job, job->compiler);
    add_words(job, "-O2 -g -Wall -Wextra -fno-optimize-sibling-calls -rdynamic " HARK_CLI_FLAGS);
    add(job, "-I%s", job->place.include);
}

/* The components whose headers are included; as the linker wants them, before libhark. */
static void add_components(struct job *job)
{
    static const struct {
        const char *header, *library, *needs;
    } components[] = {
        {"#include <hark/tls.h>", "hark-tls", "-lssl -lcrypto"},
        {"#include <hark/dns.h>", "hark-dns", "-lcares"},
    };
    char line[512];
    FILE *file = fopen(job->file, "re");

    while (file && fgets(line, sizeof line, file)) {
        for (size_t i = 0; i < sizeof components / sizeof *components; i++) {
            if (strncmp(line, components[i].header, strlen(components[i].header)) == 0) {
                add(job, "%s/lib%s.a", job->place.library, components[i].library);
                add_words(job, components[i].needs);
            }
        }
    }
    if (file) {
        fclose(file);
    }
}

/* FNV-1a, twice, with different beginnings: a name, not a seal. */
struct hash {
    uint64_t a, b;
};

static void stir(struct hash *hash, const void *bytes, size_t size)
{
    for (const unsigned char *at = bytes; size--; at++) {
        hash->a = (hash->a ^ *at) * 0x100000001b3u;
        hash->b = (hash->b ^ (*at + 0x9eu)) * 0x100000001b3u;
    }
}

static void stir_file(struct hash *hash, const char *path)
{
    struct stat status = {0};

    stat(path, &status);
    stir(hash, path, strlen(path) + 1);
    stir(hash, &status.st_size, sizeof status.st_size);
    stir(hash, &status.st_mtim, sizeof status.st_mtim);
    stir(hash, &status.st_ino, sizeof status.st_ino);
}

/* What the preprocessor says of the file: 0, or a status; its complaints have been seen. */
static int stir_source(struct job *job, struct hash *hash)
{
    char bytes[1 << 16];
    FILE *text = tmpfile();
    size_t size;

    if (!text) {
        return cli_fail("no temporary file: %s", strerror(errno));
    }
    begin_arguments(job);
    add_words(job, "-E -x c");
    add(job, "%s", job->file);
    int status = cli_spawn(job->arguments, fileno(text));
    if (status < 0) {
        fclose(text);
        return cli_fail("the compiler \"%s\" cannot be run: %s (install gcc, or set CC)",
                        job->compiler, strerror(-status));
    }
    rewind(text);
    while ((size = fread(bytes, 1, sizeof bytes, text)) > 0) {
        stir(hash, bytes, size);
    }
    fclose(text);
    return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
}

static void stir_tools(const struct job *job, struct hash *hash)
{
    char library[CLI_PATH];

    for (int i = 0; i < job->count; i++) {
        stir(hash, job->arguments[i], strlen(job->arguments[i]) + 1);
    }
    cli_path(library, "%s/libhark.a", job->place.library);
    stir_file(hash, library);
    stir_file(hash, job->compiler);
}

static int compile(struct job *job)
{
    char made[CLI_PATH];

    if (!cli_path(made, "%s.%ld", job->program, (long)getpid())) {
        return cli_fail("the path %s is too long", job->program);
    }
    begin_arguments(job);
    add_words(job, "-x c");
    add(job, "%s", job->file);
    add_words(job, "-x none -o");
    add(job, "%s", made);
    add_components(job);
    add(job, "%s/libhark.a", job->place.library);
    add_words(job, HARK_CLI_LIBRARIES " -lm");
    int status = cli_spawn(job->arguments, STDERR_FILENO);
    if (status == 0 && rename(made, job->program) == 0) {
        return 0;
    }
    unlink(made);
    if (status == 0) {
        return cli_fail("%s: %s", job->program, strerror(errno));
    }
    return status > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
}

/* Rule R2. */
static int choose_folder(struct job *job, bool own)
{
    if (!own && cli_cache_folder(job->folder)) {
        return 0;
    }
    if (!cli_own_folder(job->own)) {
        return cli_fail("there is neither a cache nor a temporary folder to compile into: %s",
                        strerror(errno));
    }
    strcpy(job->folder, job->own);
    return 0;
}

static void name_program(struct job *job, struct hash hash)
{
    const char *slash = strrchr(job->file, '/'), *name = slash ? slash + 1 : job->file;

    cli_path(job->program, "%s/%.*s-%016llx%016llx", job->folder,
             (int)(strcspn(name, ".") < 40 ? strcspn(name, ".") : 40), name,
             (unsigned long long)hash.a, (unsigned long long)hash.b);
}

static int build(struct job *job)
{
    struct hash hash = {.a = 0xcbf29ce484222325u, .b = 0x84222325cbf29ce4u};
    int status = stir_source(job, &hash);

    if (status) {
        return status;
    }
    stir_tools(job, &hash);
    if ((status = choose_folder(job, false))) {
        return status;
    }
    name_program(job, hash);
    if (access(job->program, X_OK) == 0) {
        return 0;
    }
    status = compile(job);
    if (status && !*job->own && access(job->folder, W_OK)) { /* it was not the compiler's fault */
        choose_folder(job, true);
        name_program(job, hash);
        status = compile(job);
    }
    return status;
}

static void clean(struct job *job)
{
    if (*job->own) {
        unlink(job->program);
        rmdir(job->own);
    }
}

/* ---- running ----------------------------------------------------------------------------------- */

static volatile sig_atomic_t child;

static void pass_on(int signo)
{
    if (child > 0) {
        kill(child, signo);
    }
}

/* What the terminal sends goes to both of us; what is sent to us alone is handed on. */
static void stand_by(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction hand_on = {.sa_handler = pass_on, .sa_flags = SA_RESTART};

    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGQUIT, &ignore, NULL);
    sigaction(SIGTERM, &hand_on, NULL);
    sigaction(SIGHUP, &hand_on, NULL);
    sigaction(SIGUSR1, &hand_on, NULL);
    sigaction(SIGUSR2, &hand_on, NULL);
}

/* Rule R3. */
static int end_as(int status)
{
    if (!WIFSIGNALED(status)) {
        return WEXITSTATUS(status);
    }
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none); /* one core is enough */
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
    return 128 + WTERMSIG(status);
}

/* The program with its signals as we found them. */
static pid_t start(const char *program, char **argv, int err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    pid_t pid = 0;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGQUIT);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    if (err >= 0) {
        posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    }
    int error = posix_spawn(&pid, program, &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error) {
        cli_fail("%s cannot be run: %s", program, strerror(error));
        return -1;
    }
    return pid;
}

static int run(struct job *job, char **argv, bool raw)
{
    int ends[2] = {-1, -1}, status = 0;

    if (!raw && pipe2(ends, O_CLOEXEC)) {
        ends[0] = ends[1] = -1;
    }
    stand_by();
    argv[0] = job->program;
    child = start(job->program, argv, ends[1]);
    if (ends[1] >= 0) {
        close(ends[1]);
    }
    if (child < 0) {
        return CLI_FAILED;
    }
    FILE *said = ends[0] >= 0 ? fdopen(ends[0], "r") : NULL;
    if (said) {
        cli_frames_copy(said, stderr);
        fclose(said);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return end_as(status);
}

/* ---- the verb ---------------------------------------------------------------------------------- */

static void put_help(void)
{
    puts("usage: hark run [--raw] FILE.c [ARGS]\n\n"
         "Compiles FILE.c against hark, with warnings, and runs it with ARGS. What was compiled is kept\n"
         "in the cache ($XDG_CACHE_HOME/hark, or ~/.cache/hark) under the hash of all that it is made\n"
         "of, so the second run starts at once. The exit status, or the signal, is the program's; if\n"
         "it does not compile, the compiler's.\n\n"
         "    --raw   leave the program's stderr alone: no lines are put into hark's reports\n\n"
         "Environment: CC (cc), XDG_CACHE_HOME, TMPDIR.");
}

static int check_file(const char *file)
{
    struct stat status;

    if (stat(file, &status)) {
        return cli_fail("%s: %s", file, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return cli_fail("%s is not a file", file);
    }
    return access(file, R_OK) ? cli_fail("%s: %s", file, strerror(errno)) : 0;
}

int cli_run(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"raw", no_argument, NULL, 'r'}, {0}};
    static struct job job;
    bool raw = false;
    int option;

    while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
        switch (option) {
        case 'h': put_help(); return 0;
        case 'r': raw = true; break;
        default: return CLI_MISUSED;
        }
    }
    if (optind == argc) {
        return cli_misuse("run", "which file?");
    }
    const char *compiler = getenv("CC");
    job.compiler = compiler && *compiler ? compiler : "cc";
    job.file = argv[optind];
    int status = check_file(job.file);
    if (!status) {
        status = cli_place_find(&job.place);
    }
    if (!status) {
        status = build(&job);
    }
    if (!status) {
        status = run(&job, argv + optind, raw);
    }
    clean(&job);
    return status;
}
