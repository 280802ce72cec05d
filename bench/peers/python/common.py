# SPDX-License-Identifier: MIT
"""What the programs in Python share, as bench.h does it. It knows no peer."""
import os
import statistics
import sys
import time

BATCHES = 5
SHORT = 5 if os.environ.get("BENCH_SHORT") else 1
BATCH = 100_000_000 // SHORT  # ns: so long takes a batch
WARM = BATCH // 5
ENOUGH = 30 * BATCH
LARGE = 200_000  # what is more than this is done once, or by some not at all: it takes too long
peer = ""  # whose answer this is, and
backend = "asyncio"  # on what AnyIO is to run: set by run.py


def say(key, value, unit="ns"):
    print(f"{key} {value:.6g} {unit}", flush=True)


def skip(reason):
    print(f"skip {reason}", flush=True)
    sys.exit(77)


def number(text):
    scale = {"k": 1000, "M": 1000000}.get(text[-1:], 1)
    return int(text.rstrip("kM").replace(",", "")) * scale


def size(otherwise, most=None):
    """`most` is what it can do in a time that one waits for."""
    n = number(sys.argv[1]) if len(sys.argv) > 1 else otherwise
    if most and n > most:
        skip(f"{n:,} would take it too long; it is asked for {most:,} at most")
    return n


def word(otherwise):
    return sys.argv[1] if len(sys.argv) > 1 else otherwise


class Batches:
    """Yields how many of a thing are to be done, until .ns, the nanoseconds for one, is known: some
    to get warm and to see how long they take, then BATCHES, of which the median counts. Where one
    takes long there are fewer."""

    def __iter__(self):
        n, took, each, begun = 1, 0, [], time.perf_counter_ns()
        yield n  # not timed: threads are begun, connections are made
        while took < WARM:
            n = n * 4 if took else n
            start = time.perf_counter_ns()
            yield n
            took = time.perf_counter_ns() - start
        n = max(n * BATCH // took, 1)
        while len(each) < BATCHES and not (each and time.perf_counter_ns() - begun > ENOUGH):
            start = time.perf_counter_ns()
            yield n
            each.append((time.perf_counter_ns() - start) / n)
        self.ns = statistics.median(each)


def timed(body):
    """Nanoseconds for one of the n things that body(n) does: plain calls, and greenlets."""
    batches = Batches()
    for n in batches:
        body(n)
    return batches.ns


async def ns(body):
    """The same for coroutines."""
    batches = Batches()
    for n in batches:
        await body(n)
    return batches.ns


def status(field):
    with open("/proc/self/status") as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


class Memory:
    """What memory a number of things takes: make it before, then say() the difference."""

    def __init__(self):
        self.rss, self.tables = status("VmRSS"), status("VmPTE")

    def each(self, count):
        rss, tables = status("VmRSS") - self.rss, status("VmPTE") - self.tables
        return rss / count, tables / count

    def say(self, tasks):
        rss, tables = self.each(tasks)
        say("rss_per_task", rss, "B")
        say("tables_per_task", tables, "B")
        say("bytes_per_task", rss + tables, "B")


def tls_contexts():
    """For a server and for a client that trusts it, without tickets, as the limit has them."""
    import ssl  # the others do not need it
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        key, certificate = f"{folder}/key", f"{folder}/certificate"
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        try:
            subprocess.run(
                [*command.split(), *names, "-keyout", key, "-out", certificate],
                check=True,
                capture_output=True,
            )
        except FileNotFoundError:
            skip("openssl, which makes the certificate, is not installed")
        server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
        server.load_cert_chain(certificate, key)
        server.num_tickets = 0
        client.load_verify_locations(certificate)
        return server, client


def mix(x):
    mask = (1 << 64) - 1
    x = ((x ^ (x >> 31)) * 0x7FB5D329728EA185) & mask
    x = ((x ^ (x >> 27)) * 0x81DADEF4BC2DD44D) & mask
    return x ^ (x >> 33)


async def take_turns(thing, spawn, give_way):
    """As turns.h: what do taking and giving back cost alone, and what is it to hand over? `spawn`
    starts a task, which goes on until the program ends."""
    count = size(1)

    async def pairs(n):
        for _ in range(n):
            await thing.acquire()
            thing.release()

    async def turns(n):
        for _ in range(n):
            thing.release()
            await thing.acquire()

    async def other():
        await thing.acquire()
        while True:
            await turns(1)

    if count == 1:
        say("ns_alone", await ns(pairs))
        return
    await thing.acquire()
    for _ in range(1, count):
        spawn(other)
    for _ in range(count):
        await give_way()  # now all of them queue
    say("ns_per_hand_over", await ns(turns) / count)


def take_turns_plainly(thing, spawn, give_way, step_aside):
    """The same for greenlets. Where a thing goes to whoever asks first, who has given it back steps
    aside, so that the next one gets it."""
    count, tasks = size(1), []

    def pairs(n):
        for _ in range(n):
            thing.acquire()
            thing.release()

    def turns(n):
        for _ in range(n):
            thing.release()
            if step_aside:
                give_way()
            thing.acquire()

    def other():
        thing.acquire()
        while True:
            turns(1)

    if count == 1:
        say("ns_alone", timed(pairs))
        return
    thing.acquire()
    for _ in range(1, count):
        tasks.append(spawn(other))
    give_way()  # now all of them queue
    say("ns_per_hand_over", timed(turns) / count)


async def take_turns_notifying(changed, spawn, give_way):
    """As cond.c, the condition's lock held: notify nobody; notify the next one, and wait."""
    count = size(1)

    async def calls(n):
        for _ in range(n):
            changed.notify(1)

    async def turns(n):
        for _ in range(n):
            changed.notify(1)
            await changed.wait()

    async def other():
        async with changed:
            await changed.wait()
            while True:
                await turns(1)

    for _ in range(1, count):
        spawn(other)
    for _ in range(count):
        await give_way()
    async with changed:
        if count == 1:
            say("ns_alone", await ns(calls))
        else:
            say("ns_per_turn", await ns(turns) / count)


async def wait_together(wait, spawn, parties):
    """A barrier's parties, who do nothing but wait for one another."""

    async def rounds(n):
        for _ in range(n):
            await wait()

    async def other():
        while True:
            await wait()

    for _ in range(1, parties):
        spawn(other)
    say("ns_per_party" if parties > 1 else "ns_alone", await ns(rounds) / parties)
