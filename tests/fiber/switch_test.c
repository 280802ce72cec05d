/* SPDX-License-Identifier: MIT
 *
 * switch_test.c - the four operations of the switch, on whatever architecture this is built for.
 */
#include <limits.h>

#include "fibers.h"

static hark__stacks *pool;
static place here;
static place there;

static void setup(void)
{
    pool = pool_new();
    place_here(&here);
    there = (place){.stack = stack_new(pool, 2, &there)};
}

static void teardown(void)
{
    hark__tools_forget(&there.stack->tools);
    hark__stacks_give(pool, there.stack);
    hark__stacks_close(pool);
}

/* ---- registers: filled and compared in assembly -------------------------------------------- */

/* Fills the callee-saved registers with values made of `seed`, calls fn(), and tells how many
 * of them came back changed. */
int registers_changed(void (*fn)(void), uint64_t seed);

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl registers_changed\n"
        ".type registers_changed, @function\n"
        "registers_changed:\n"
        "  endbr64\n"
        "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "  sub $8, %rsp\n"
        "  mov %rsi, (%rsp)\n"
        "  lea 1(%rsi), %rbx; lea 2(%rsi), %rbp; lea 3(%rsi), %r12\n"
        "  lea 4(%rsi), %r13; lea 5(%rsi), %r14; lea 6(%rsi), %r15\n"
        "  call *%rdi\n"
        "  mov (%rsp), %rsi\n"
        "  sub %rsi, %rbx; sub %rsi, %rbp; sub %rsi, %r12\n"
        "  sub %rsi, %r13; sub %rsi, %r14; sub %rsi, %r15\n"
        "  xor %eax, %eax; xor %ecx, %ecx\n"
        "  cmp $1, %rbx; setne %cl; add %ecx, %eax\n"
        "  cmp $2, %rbp; setne %cl; add %ecx, %eax\n"
        "  cmp $3, %r12; setne %cl; add %ecx, %eax\n"
        "  cmp $4, %r13; setne %cl; add %ecx, %eax\n"
        "  cmp $5, %r14; setne %cl; add %ecx, %eax\n"
        "  cmp $6, %r15; setne %cl; add %ecx, %eax\n"
        "  add $8, %rsp\n"
        "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "  ret\n"
        ".size registers_changed, .-registers_changed\n");

static uint64_t mode_get(void)
{
    uint32_t mxcsr;
    uint16_t x87;
    __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(x87));
    return (uint64_t)(mxcsr & 0xffc0) << 16 | x87;
}

static void mode_set(uint64_t mode)
{
    uint32_t mxcsr = (uint32_t)(mode >> 16);
    uint16_t x87 = (uint16_t)mode;
    __asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(x87));
}

enum { UPWARD_SHIFT = 13 + 16 }; /* MXCSR.RC = 10b */
static uint64_t mode_upward(void)
{
    return (mode_get() | 2ull << UPWARD_SHIFT | 2u << 10) & ~(1ull << UPWARD_SHIFT);
}
#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl registers_changed\n"
        ".type registers_changed, %function\n"
        "registers_changed:\n"
        "  hint #34\n"
        "  stp x29, x30, [sp, #-192]!\n"
        "  stp x19, x20, [sp, #16]; stp x21, x22, [sp, #32]; stp x23, x24, [sp, #48]\n"
        "  stp x25, x26, [sp, #64]; stp x27, x28, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]; stp d10, d11, [sp, #112]\n"
        "  stp d12, d13, [sp, #128]; stp d14, d15, [sp, #144]\n"
        "  str x1, [sp, #160]\n"
        "  add x19, x1, #19; add x20, x1, #20; add x21, x1, #21; add x22, x1, #22\n"
        "  add x23, x1, #23; add x24, x1, #24; add x25, x1, #25; add x26, x1, #26\n"
        "  add x27, x1, #27; add x28, x1, #28; add x29, x1, #29\n"
        "  fmov d8, x19; fmov d9, x20; fmov d10, x21; fmov d11, x22\n"
        "  fmov d12, x23; fmov d13, x24; fmov d14, x25; fmov d15, x26\n"
        "  blr x0\n"
        "  ldr x1, [sp, #160]\n"
        "  mov w0, #0\n"
        ".macro changed reg, n\n"
        "  add x2, x1, #\\n\n"
        "  cmp \\reg, x2\n"
        "  cinc w0, w0, ne\n"
        ".endm\n"
        "  changed x19, 19; changed x20, 20; changed x21, 21; changed x22, 22\n"
        "  changed x23, 23; changed x24, 24; changed x25, 25; changed x26, 26\n"
        "  changed x27, 27; changed x28, 28; changed x29, 29\n"
        "  fmov x3, d8\n  changed x3, 19\n  fmov x3, d9\n  changed x3, 20\n"
        "  fmov x3, d10\n  changed x3, 21\n  fmov x3, d11\n  changed x3, 22\n"
        "  fmov x3, d12\n  changed x3, 23\n  fmov x3, d13\n  changed x3, 24\n"
        "  fmov x3, d14\n  changed x3, 25\n  fmov x3, d15\n  changed x3, 26\n"
        ".purgem changed\n"
        "  ldp x19, x20, [sp, #16]; ldp x21, x22, [sp, #32]; ldp x23, x24, [sp, #48]\n"
        "  ldp x25, x26, [sp, #64]; ldp x27, x28, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]; ldp d10, d11, [sp, #112]\n"
        "  ldp d12, d13, [sp, #128]; ldp d14, d15, [sp, #144]\n"
        "  ldp x29, x30, [sp], #192\n"
        "  ret\n"
        ".size registers_changed, .-registers_changed\n");

static uint64_t mode_get(void)
{
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr;
}

static void mode_set(uint64_t fpcr)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr));
}

static uint64_t mode_upward(void)
{
    return mode_get() | 1u << 22;
}
#endif

#if defined(__x86_64__) || defined(__aarch64__)
static int rounds;
static int changed_there;

NOINLINE static void to_there(void)
{
    place_switch(&here, &there);
}

NOINLINE static void to_here(void)
{
    place_switch(&there, &here);
}

static void other_side(void *arg)
{
    (void)arg;
    place_arrived(&there);
    to_here();
    for (int i = 0; i < rounds; i++) {
        changed_there += registers_changed(to_here, 0xfeedface00000000u + (uint64_t)i);
    }
    place_end(&there, &here);
}

TEST_TIMEOUT(switch_keeps_the_callee_saved_registers, 30)
{
    int changed = 0;
    setup();
    rounds = 500 * 1000 / kit_slow();
    place_begin(&here, &there, other_side, NULL);
    for (int i = 0; i < rounds; i++) {
        changed += registers_changed(to_there, ~(uint64_t)i);
    }
    to_there();
    CHECK_EQ(changed, 0);
    CHECK_EQ(changed_there, 0);
    teardown();
}

TEST(switch_keeps_the_rounding_mode)
{
    setup();
    rounds = 1000;
    uint64_t usual = mode_get();
    uint64_t upward = mode_upward();
    CHECK(upward != usual);
    place_begin(&here, &there, other_side, NULL);
    mode_set(upward);
    for (int i = 0; i < rounds; i++) {
        to_there();
    }
    uint64_t after = mode_get();
    mode_set(usual);
    to_there();
    CHECK_EQ(after, upward);
    teardown();
}
#endif

/* ---- values of the function that switches -------------------------------------------------- */

static void bounce(void *arg)
{
    place_arrived(&there);
    for (int left = *(int *)arg; left > 0; left--) {
        place_switch(&there, &here);
    }
    place_end(&there, &here);
}

NOINLINE static uint64_t many_places(uint64_t x)
{
    volatile uint64_t kept[12];
    for (unsigned i = 0; i < 12; i++) {
        kept[i] = x * (i + 1);
    }
    CHECK_EQ(hark__switch(&here.sp, there.sp, 0), 0);
    uint64_t wrong = 0;
    for (unsigned i = 0; i < 12; i++) {
        wrong |= kept[i] ^ x * (i + 1);
    }
    return wrong;
}

NOINLINE static double many_values(double x, uint64_t n, long double *wide)
{
    double a = x * 1.5, b = x * 2.5, c = x * 3.5, d = x * 4.5, e = x * 5.5, f = x * 6.5;
    uint64_t p = n * 3, q = n * 5, r = n * 7, s = n * 11, t = n * 13, u = n * 17, v = n * 19;
    long double w = *wide * 1.25L;
    CHECK_EQ(hark__switch(&here.sp, there.sp, 0), 0);
    *wide = w;
    return a + b + c + d + e + f + (double)(p + q + r + s + t + u + v);
}

TEST(switch_keeps_live_values)
{
    setup();
    if (hark__tools_on) {
        SKIP("raw switches would mislead the sanitizer");
    }
    int left = 2001;
    hark__switch_first(&here.sp, there.stack->top, bounce, &left);
    for (unsigned i = 1; i <= 1000; i++) {
        long double wide = i;
        CHECK_EQ(many_places(i * 0x9e3779b97f4a7c15u), 0);
        double expected = (1.5 + 2.5 + 3.5 + 4.5 + 5.5 + 6.5) * i + (double)(75u * i);
        CHECK(many_values(i, i, &wide) == expected);
        CHECK(wide == i * 1.25L);
    }
    CHECK_EQ(hark__switch(&here.sp, there.sp, 0), 0);
    teardown();
}

/* ---- results ------------------------------------------------------------------------------- */

static int told;

static int note_failure(int code)
{
    told = code;
    return 77;
}

static void say_results(void *arg)
{
    const int *results = arg;
    place_arrived(&there);
    hark__switch(&there.sp, here.sp, results[0]);
    hark__switch(&there.sp, here.sp, results[1]);
    hark__leap(here.sp, results[2]);
}

TEST(switch_returns_what_the_other_side_says)
{
    const int results[] = {5, INT_MAX, 0};
    setup();
    if (hark__tools_on) {
        SKIP("raw switches would mislead the sanitizer");
    }
    hark__switch_failed = note_failure;
    CHECK_EQ(hark__switch_first(&here.sp, there.stack->top, say_results, (void *)results), 5);
    CHECK_EQ(hark__switch(&here.sp, there.sp, 0), INT_MAX);
    CHECK_EQ(hark__switch(&here.sp, there.sp, 0), 0);
    CHECK_EQ(told, 0);
    teardown();
}

TEST(switch_gives_a_failure_to_whoever_asked_for_them)
{
    const int results[] = {-1, INT_MIN, -5};
    setup();
    if (hark__tools_on) {
        SKIP("raw switches would mislead the sanitizer");
    }
    hark__switch_failed = note_failure;
    CHECK_EQ(hark__switch_first(&here.sp, there.stack->top, say_results, (void *)results), 77);
    CHECK_EQ(told, -1);
    CHECK_EQ(hark__switch(&here.sp, there.sp, 0), 77);
    CHECK_EQ(told, INT_MIN);
    CHECK_EQ(hark__switch(&here.sp, there.sp, 0), 77);
    CHECK_EQ(told, -5);
    teardown();
}

/* ---- entry --------------------------------------------------------------------------------- */

static void look_at_entry(void *arg)
{
    place_arrived(&there);
    _Alignas(16) volatile char aligned[16] = {1};
    *(uintptr_t *)arg = (uintptr_t)__builtin_frame_address(0) % 16 + (uintptr_t)aligned % 16;
    place_end(&there, &here);
}

TEST(switch_first_enters_with_an_aligned_stack_on_every_colour)
{
    place_here(&here);
    pool = pool_new();
    hark__stack *stacks[40];
    for (int i = 0; i < 40; i++) {
        uintptr_t misaligned = 99;
        there = (place){.stack = stack_new(pool, 0, &there)};
        stacks[i] = there.stack;
        place_begin(&here, &there, look_at_entry, &misaligned);
        CHECK_EQ(misaligned, 0);
    }
    for (int i = 0; i < 40; i++) {
        hark__stacks_give(pool, stacks[i]);
    }
    hark__stacks_close(pool);
}

static void with_args(void *arg)
{
    place_arrived(&there);
    CHECK_PTR(arg, &there);
    place_switch(&there, &here);
    place_end(&there, &here);
}

TEST(switch_first_hands_the_whole_pointer_over)
{
    setup();
    place_begin(&here, &there, with_args, &there);
    place_switch(&here, &there);
    teardown();
}

/* ---- leaping ------------------------------------------------------------------------------- */

typedef struct chain {
    int left;
    uintptr_t frame; /* of the first function */
    bool moved;
} chain;

static void link_of_chain(void *arg)
{
    chain *c = arg;
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    place_arrived(&there);
    c->moved |= c->frame && c->frame != frame;
    c->frame = frame;
    if (c->left-- == 0) {
        place_end(&there, &here);
    }
    if (hark__tools_on) {
        hark__tools_leave(&there.stack->tools, &there.stack->tools, true);
    }
    hark__leap_first(there.stack->top, link_of_chain, c);
}

TEST(switch_leap_first_begins_anew_on_the_running_stack)
{
    setup();
    chain c = {.left = 100 * 1000 / kit_slow()};
    place_begin(&here, &there, link_of_chain, &c);
    CHECK_EQ(c.left, -1);
    CHECK(!c.moved);
    teardown();
}

static void deep_leap(void *arg)
{
    volatile char frame[6000];
    frame[0] = 1;
    frame[sizeof(frame) - 1] = 2;
    chain *c = arg;
    place_arrived(&there);
    if (hark__tools_on) {
        hark__tools_leave(&there.stack->tools, &there.stack->tools, true);
    }
    hark__leap_first(there.stack->top, link_of_chain, c);
}

TEST(switch_leap_first_from_deep_in_the_running_stack)
{
    setup();
    chain c = {.left = 10};
    place_begin(&here, &there, deep_leap, &c);
    CHECK_EQ(c.left, -1);
    teardown();
}

static void saved_place(void *arg)
{
    place_arrived(&there);
    *(void **)arg = __builtin_frame_address(0);
    place_switch(&there, &here);
    place_end(&there, &here);
}

TEST(switch_tells_where_a_parked_fiber_goes_on)
{
    setup();
    void *frame_inside = NULL;
    void *pc = NULL;
    void *frame = NULL;
    place_begin(&here, &there, saved_place, &frame_inside);
    hark__saved_frame(there.sp, &pc, &frame);
    CHECK(pc != NULL);
    CHECK((char *)frame >= there.stack->low && (char *)frame <= (char *)frame_inside);
    place_switch(&here, &there);
    teardown();
}
