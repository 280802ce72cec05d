/* SPDX-License-Identifier: MIT
 *
 * glib_test.c - hark inside GLib's main loop.
 */
#include "host.h"

#include <glib-unix.h>

static GMainContext *context; /* its own: the default one keeps a descriptor for ever */
static GMainLoop *glib_loop;
static void (*glib_step)(void);

static gboolean readable(gint fd, GIOCondition condition, gpointer unused)
{
    (void)fd, (void)condition, (void)unused;
    glib_step();
    return G_SOURCE_CONTINUE;
}

static gboolean due(gpointer fn)
{
    void (*call)(void) = (void (*)(void))fn;
    call();
    return G_SOURCE_REMOVE;
}

static void glib_open(void)
{
    context = g_main_context_new();
    glib_loop = g_main_loop_new(context, FALSE);
}

static void glib_watch(int fd, void (*fn)(void))
{
    glib_step = fn;
    GSource *source = g_unix_fd_source_new(fd, G_IO_IN);
    g_source_set_callback(source, (GSourceFunc)(void (*)(void))readable, NULL, NULL);
    g_source_attach(source, context);
    g_source_unref(source);
}

static void glib_later(int milliseconds, void (*fn)(void))
{
    GSource *source = g_timeout_source_new((guint)milliseconds);
    g_source_set_callback(source, due, (gpointer)fn, NULL);
    g_source_attach(source, context);
    g_source_unref(source);
}

static void glib_run(void)
{
    g_main_loop_run(glib_loop);
}

static void glib_stop(void)
{
    g_main_loop_quit(glib_loop);
}

static void glib_close(void)
{
    g_main_loop_unref(glib_loop);
    g_main_context_unref(context);
}

static const struct host glib = {
    glib_open, glib_watch, glib_later, glib_run, glib_stop, glib_close,
};

IN_HOST(glib)
