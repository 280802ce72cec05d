/* SPDX-License-Identifier: MIT
 *
 * facts.c - hark_debug_table, and the facts of core's open structs; facts.h says why.
 *
 * The table begins with its name and version. A reader that does not find what it knows must say so
 * and stop. Facts may be added without a new version; one that is renamed or means something else
 * needs one.
 */
#include <hark/about.h>
#include <hark/group.h>

#include "base/facts.h"
#include "core/core.h"

extern const struct hark__fact *const __start_hark_facts[] __attribute__((visibility("hidden")));
extern const struct hark__fact *const __stop_hark_facts[] __attribute__((visibility("hidden")));

const struct hark_debug_table hark_debug_table = {
    .magic = "hark facts",
    .version = 1,
    .first = __start_hark_facts,
    .end = __stop_hark_facts,
};

HARK__FACT_AT(loops, "loops", &hark__living);
HARK__FACT(loop_next, "loop.next", offsetof(hark_loop, next_alive));
HARK__FACT(loop_id, "loop.id", offsetof(hark_loop, id));
HARK__FACT(loop_running, "loop.running", offsetof(hark_loop, running));
HARK__FACT(loop_tasks, "loop.tasks", offsetof(hark_loop, tasks));
HARK__FACT(loop_millis, "loop.millis", offsetof(hark_loop, millis));
HARK__FACT(loop_roster, "loop.roster", offsetof(hark_loop, roster));
HARK__FACT(loop_thread, "loop.thread", offsetof(hark_loop, thread));
HARK__FACT(loop_hub, "loop.hub", offsetof(hark_loop, hub));
HARK__FACT(hub_class, "hub.class", offsetof(hark__hub, class));
HARK__FACT(class_name, "class.name", offsetof(struct hark__hub_class, name));

HARK__FACT(task_size, "task.size", sizeof(hark__task));
HARK__FACT(task_sp, "task.sp", offsetof(hark__task, sp));
HARK__FACT(task_list, "task.list", offsetof(hark__task, in.waiter.list));
HARK__FACT(task_wait, "task.wait", offsetof(hark__task, wait));
HARK__FACT(task_level, "task.level", offsetof(hark__task, level));
HARK__FACT(task_state, "task.state", offsetof(hark__task, state));
HARK__FACT(task_base, "task.base", offsetof(hark__task, base));
HARK__FACT(task_id, "task.id", offsetof(hark__task, id));
HARK__FACT(task_site, "task.site", offsetof(hark__task, site));
HARK__FACT(task_extra, "task.extra", offsetof(hark__task, extra));
HARK__FACT(state_free, "state.free", TASK_FREE);
HARK__FACT(state_new, "state.new", TASK_NEW);
HARK__FACT(state_ready, "state.ready", TASK_READY);
HARK__FACT(state_running, "state.running", TASK_RUNNING);
HARK__FACT(state_parked, "state.parked", TASK_PARKED);
HARK__FACT(state_ended, "state.ended", TASK_ENDED);
HARK__FACT(wait_what, "wait.what", offsetof(struct hark__wait_kind, what));
HARK__FACT(extra_name, "extra.name", offsetof(struct hark__extra, name));
HARK__FACT(extra_joiners, "extra.joiners", offsetof(struct hark__extra, joiners));

HARK__FACT(level_outer, "level.outer", offsetof(struct hark_level, outer));
HARK__FACT(level_flags, "level.flags", offsetof(struct hark_level, flags));
HARK__FACT(level_mark, "level.mark", offsetof(struct hark_level, mark));
HARK__FACT(flag_base, "flag.base", LEVEL_BASE);
HARK__FACT(flag_group, "flag.group", LEVEL_GROUP);
HARK__FACT(flag_root, "flag.root", LEVEL_ROOT);
HARK__FACT(flag_cancelled, "flag.cancelled", LEVEL_CANCELLED);
HARK__FACT(flag_timed_out, "flag.timed_out", LEVEL_TIMED_OUT);
HARK__FACT(flag_shield, "flag.shield", LEVEL_SHIELD);
HARK__FACT(flag_reached, "flag.reached", LEVEL_REACHED);
HARK__FACT(flag_binding, "flag.binding", LEVEL_BINDING);
HARK__FACT(flag_state, "flag.state", LEVEL_STATE);
HARK__FACT(flag_open, "flag.open", LEVEL_OPEN);
HARK__FACT(scope_deadline, "scope.deadline", offsetof(hark_scope, deadline));
HARK__FACT(group_children, "group.children", offsetof(hark_group, children));

/* A saved place is a stack pointer; where it goes on, and the unwind tables there know the rest.
 * (Unwinders look at the instruction before the one that is returned to: nothing was popped yet.) */
#if defined(HARK__FORCE_UCONTEXT)
HARK__FACT(saved_none, "saved.none", 1);
#elif defined(__x86_64__)
HARK__FACT_AT(saved_pc, "saved.rip", hark__switch_back);
#elif defined(__aarch64__)
HARK__FACT_AT(saved_pc, "saved.pc", hark__switch_back);
#endif
