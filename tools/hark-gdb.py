# SPDX-License-Identifier: MIT
#
# hark-gdb.py - tasks in gdb, live or in a core file: who there is, where each stands, for what it
# waits, and why.
#
#     info hark-tasks        every task of every loop
#     hark bt ID | all       the calls of one task, or of all
#     hark scopes [ID]       the scopes and groups around a task
#     hark why ID            for what it waits, and who could end that
#
# gdb loads it by itself for an installed libhark.so; for a program that is linked statically:
# source PREFIX/share/hark/hark-gdb.py
#
# Idea     Nothing is known here of the library's structs: hark_debug_table in the library says where
#          each field lies (src/base/facts.h). The calls of a parked task come from gdb's own
#          unwinding: an unwinder says that the outermost real frame was called from the place where
#          the task goes on, so no register of the process is changed, and a core will do.

import gdb
from gdb.unwinder import Unwinder

VERSION = 1


class Trouble(gdb.GdbError):
    pass


# ---- memory -------------------------------------------------------------------------------------


def number(address, size, signed=False):
    data = gdb.selected_inferior().read_memory(address, size)
    return int.from_bytes(bytes(data), "little", signed=signed)


def pointer(address):
    return number(address, 8)


def text(address, most=256):
    if not address:
        return ""
    out = bytearray()
    while len(out) < most:
        byte = number(address + len(out), 1)
        if not byte:
            break
        out.append(byte)
    return out.decode("utf-8", "replace")


class Facts:
    """What the library says of itself, by name."""

    def __init__(self):
        try:
            at = int(gdb.parse_and_eval("(unsigned long)&hark_debug_table"))
            magic = text(at, 12)
        except gdb.error:
            raise Trouble("no hark here: hark_debug_table is not in this program, or it does not run yet")
        if magic != "hark facts":
            raise Trouble("hark_debug_table holds no facts: the memory is damaged, or not there in this core")
        version = number(at + 12, 4)
        if version != VERSION:
            raise Trouble("this script reads facts of version %d, the library has %d: use the script "
                          "that came with it" % (VERSION, version))
        self.values = {}
        place, end = pointer(at + 16), pointer(at + 24)
        while place < end:
            fact = pointer(place)
            if fact:
                self.values[text(fact, 24)] = pointer(fact + 24)
            place += 8

    def __getitem__(self, name):
        if name not in self.values:
            raise Trouble("the library does not say where %s is" % name)
        return self.values[name]

    def get(self, name):
        return self.values.get(name)


# ---- loops and tasks ----------------------------------------------------------------------------


class Loop:
    def __init__(self, facts, at):
        self.facts, self.at = facts, at
        self.id = number(at + facts["loop.id"], 4)
        self.count = number(at + facts["loop.tasks"], 4)
        self.millis = number(at + facts["loop.millis"], 4)
        self.running = pointer(at + facts["loop.running"])
        hub = pointer(at + facts["loop.hub"])
        self.hub = text(pointer(pointer(hub + facts["hub.class"]) + facts["class.name"])) if hub else "?"

    def tasks(self):
        facts = self.facts
        roster = pointer(self.at + facts["loop.roster"])
        if not roster:
            return
        chunk = pointer(roster + facts["roster.chunks"])
        for _ in range(number(roster + facts["roster.count"], 4)):
            at = pointer(chunk + facts["chunk.records"])
            for _ in range(number(chunk + facts["chunk.used"], 4)):
                if number(at + facts["task.state"], 1) != facts["state.free"]:
                    yield Task(self, at)
                at += facts["task.size"]
            chunk += facts["chunk.size"]


class Task:
    def __init__(self, loop, at):
        facts = loop.facts
        self.loop, self.facts, self.at = loop, facts, at
        self.id = number(at + facts["task.id"], 8)
        self.state = number(at + facts["task.state"], 1)
        self.site = pointer(at + facts["task.site"])
        self.extra = pointer(at + facts["task.extra"])
        self.level = pointer(at + facts["task.level"])

    def is_(self, state):
        return self.state == self.facts["state." + state]

    def name(self):
        """Its own name, else its function's, out of the words of the call that spawned it."""
        own = text(self.extra + self.facts["extra.name"]) if self.extra else ""
        if own:
            return own
        call = text(self.site + len(text(self.site)) + 1)
        skipped, arguments = int(call[:1] or 0), [""]
        depth = 0
        for letter in call[1:]:
            depth += (letter in "({[") - (letter in ")}]")
            if letter == "," and depth == 0:
                arguments.append("")
            else:
                arguments[-1] += letter
        return arguments[min(skipped, len(arguments) - 1)].strip(" &")

    def title(self):
        return 'task %d "%s"' % (self.id, self.name())

    def what(self):
        return text(pointer(pointer(self.at + self.facts["task.wait"]) + self.facts["wait.what"]))

    def list(self):
        return pointer(self.at + self.facts["task.list"])

    def since(self):
        mark = number(self.at + self.facts["task.base"] + self.facts["level.mark"], 4)
        return max(0, self.loop.millis - mark)

    def words(self):
        if self.is_("new"):
            return "has not run yet"
        if self.is_("ready"):
            return "is ready"
        if self.is_("running"):
            return "is running"
        if self.is_("parked"):
            return "waits for %s (%d ms so far)" % (self.what(), self.since())
        return "has ended"

    def awaited(self):
        """Who could end its wait, if that is one task; and why."""
        if not self.is_("parked"):
            return None, ""
        what, at = self.what(), self.list()
        if what == "a lock" and at and self.facts.get("lock.owner") is not None:
            owner = number(at + self.facts["lock.owner"], 8) & self.facts["lock.owner_mask"]
            return find(owner), "which holds the lock at 0x%x" % at
        if what == "the end of":
            for other in self.loop.tasks():
                if other.extra and other.extra + self.facts["extra.joiners"] == at:
                    return other, "whose end it waits for"
        return None, ""


def loops():
    facts = Facts()
    at = pointer(facts["loops"])
    while at:
        yield Loop(facts, at)
        at = pointer(at + facts["loop.next"])


def find(wanted):
    for loop in loops():
        for task in loop.tasks():
            if task.id == wanted:
                return task
    return None


def asked_for(argument):
    try:
        wanted = int(argument, 0)
    except ValueError:
        raise Trouble("which task? Its number: see info hark-tasks")
    task = find(wanted)
    if not task:
        raise Trouble("there is no living task %d: see info hark-tasks" % wanted)
    return task


# ---- calls --------------------------------------------------------------------------------------


class Saved:
    """Where a task goes on that does not run: all else is for the unwind tables."""

    def __init__(self, task):
        facts = task.facts
        if facts.get("saved.none"):
            raise Trouble("this build switches by ucontext, which this script cannot read")
        self.sp = pointer(task.at + facts["task.sp"])
        self.pc = "rip" if "saved.rip" in facts.values else "pc"
        self.goes_on = facts["saved." + self.pc]


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class TaskUnwinder(Unwinder):
    """Says, while `saved` is set, that the innermost frame was called by the saved one."""

    def __init__(self):
        super().__init__("hark-tasks")
        self.saved = None

    def __call__(self, pending):
        if not self.saved or pending.level() != 0:
            return None
        # gdb wants callers to lie higher on the stack: so this one is said to lie right below them.
        here = FrameId(gdb.Value(self.saved.sp - 16), pending.read_register("pc"))
        info = pending.create_unwind_info(here)
        word = gdb.lookup_type("unsigned long")
        info.add_saved_register(self.saved.pc, gdb.Value(self.saved.goes_on).cast(word))
        info.add_saved_register("rsp" if self.saved.pc == "rip" else "sp",
                                gdb.Value(self.saved.sp).cast(word))
        return info


unwinder = TaskUnwinder()
gdb.unwinder.register_unwinder(None, unwinder, replace=True)


# By which every task comes to wait: not worth a line.
SWITCH = ("hark__switch", "hark__switch_first", "switch_told", "go_on", "go_on_slow", "park",
          "hark__park", "hark__wait")


def backtrace(task):
    print("%s, spawned at %s: %s" % (task.title(), text(task.site), task.words()))
    if task.is_("new"):
        return
    if task.is_("running"):
        print("  (it runs: see bt in its thread)")
        return
    unwinder.saved = Saved(task)
    try:
        gdb.invalidate_cached_frames()
        frame = gdb.newest_frame().older()
        level = 0
        while frame and level < 64:
            name = frame.name()
            if name in ("hark__task_main", "hark__begin"):
                break
            if level == 0 and name in SWITCH:
                frame = frame.older()
                continue
            where = frame.find_sal()
            place = "%s:%d" % (where.symtab.filename, where.line) if where.symtab else "0x%x" % frame.pc()
            print("  #%d %s at %s" % (level, name or "?", place))
            frame, level = frame.older(), level + 1
    finally:
        unwinder.saved = None
        gdb.invalidate_cached_frames()


# ---- commands -----------------------------------------------------------------------------------


class InfoTasks(gdb.Command):
    """info hark-tasks: every task of every loop: number, name, state, spawn site."""

    def __init__(self):
        super().__init__("info hark-tasks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        any_loop = False
        for loop in loops():
            any_loop = True
            print("loop %d: %d tasks, hub %s" % (loop.id, loop.count, loop.hub))
            for task in loop.tasks():
                print("  %s, spawned at %s: %s" % (task.title(), text(task.site), task.words()))
        if not any_loop:
            print("no loop lives in this process")


class Hark(gdb.Command):
    """hark bt ID|all, hark scopes [ID], hark why ID: see help hark bt and so on."""

    def __init__(self):
        super().__init__("hark", gdb.COMMAND_STACK, prefix=True)


class Bt(gdb.Command):
    """hark bt ID | all: the calls of a task that does not run, innermost first."""

    def __init__(self):
        super().__init__("hark bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        if argument.strip() != "all":
            backtrace(asked_for(argument))
            return
        for loop in loops():
            for task in loop.tasks():
                backtrace(task)


class Scopes(gdb.Command):
    """hark scopes [ID]: the scopes and groups around a task, innermost first; without a number, around
    every task."""

    def __init__(self):
        super().__init__("hark scopes", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        tasks = [asked_for(argument)] if argument.strip() else [t for l in loops() for t in l.tasks()]
        for task in tasks:
            print("%s:" % task.title())
            level = task.level
            while level:
                print("  %s" % self.words(task.facts, level))
                level = pointer(level + task.facts["level.outer"])

    def words(self, facts, level):
        flags = number(level + facts["level.flags"], 4)

        def has(name):
            return flags & facts["flag." + name]

        if has("root"):
            what = "the run"
        elif has("base"):
            what = "the task's own"
        elif has("binding"):
            what = "a binding"
        elif has("group"):
            what = "a group of %d living children" % number(level + facts["group.children"], 4)
        else:
            deadline = number(level + facts["scope.deadline"], 8, signed=True)
            what = "a scope without deadline" if deadline == 2**63 - 1 else "a scope until %d ns" % deadline
        states = ["shielded"] * bool(has("shield"))
        if has("cancelled"):
            states.append("its deadline has passed" if has("timed_out") else "cancelled")
        elif has("reached"):
            states.append("reached by a cancellation from outside")
        return "0x%x: %s%s" % (level, what, ": " + ", ".join(states) if states else "")


class Why(gdb.Command):
    """hark why ID: for what a task waits, who could end that, for what that one waits, and so on."""

    def __init__(self):
        super().__init__("hark why", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        task, seen = asked_for(argument), set()
        print("%s %s" % (task.title(), task.words()))
        while task.id not in seen:
            seen.add(task.id)
            other, because = task.awaited()
            if not other:
                if task.is_("parked") and len(seen) > 1:
                    print("  which nobody in particular must end")
                return
            print("  for %s, %s; it %s" % (other.title(), because, other.words()))
            task = other
        print("  a ring: none of these can go on")


InfoTasks()
Hark()
Bt()
Scopes()
Why()


# ---- pretty printers ----------------------------------------------------------------------------


def waiting(value):
    count = int(value["waiters"]["count"])
    return ", %d waiting" % count if count else ""


class Printer:
    def __init__(self, value, words):
        self.value, self.words = value, words

    def to_string(self):
        return self.words(self.value)

    def children(self):
        return iter([(field.name, self.value[field.name]) for field in self.value.type.fields()])


def of_lock(value):
    owner = int(value["owner"]) & Facts()["lock.owner_mask"]
    task = find(owner) if owner else None
    return ("held by %s" % (task.title() if task else "task %d, which is gone" % owner) if owner else "free") + waiting(value)


def of_level(value):
    facts = Facts()
    return "open" if int(value["level"]["flags"]) & facts["flag.state"] == facts["flag.open"] else "closed"


PRINTERS = {
    "hark_lock": of_lock,
    "hark_scope": of_level,
    "hark_group": lambda value: "%s, %d living children" % (of_level(value["scope"]), int(value["children"])),
}


def simple(value):
    return "%d waiting" % int(value["waiters"]["count"])


def printer_of(value):
    name = value.type.unqualified().strip_typedefs().tag or value.type.unqualified().name
    if not name or not name.startswith("hark_") or value.type.code == gdb.TYPE_CODE_PTR:
        return None
    if name in PRINTERS:
        return Printer(value, PRINTERS[name])
    try:
        fields = [field.name for field in value.type.strip_typedefs().fields()]
    except TypeError:
        return None
    return Printer(value, simple) if "waiters" in fields else None


gdb.pretty_printers.append(printer_of)
