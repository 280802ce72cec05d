/* A task with 16 KiB of stack, and a function that wants more. */
#include <hark.h>
#include <string.h>

static int parse(const char *text, int depth)
{
    char copy[1000];
    memcpy(copy, text, strlen(text) + 1);
    return depth ? parse(copy, depth - 1) + copy[0] : 0;
}

static int parser(void *arg)
{
    hark_task_name("parser");
    return parse(arg, 100);
}

static int program(void *arg)
{
    hark_group group;
    hark_group_open(&group);
    hark_group_stack(&group, 16 << 10);
    hark_go(&group, parser, arg);
    return hark_group_close(&group, 0);
}

int main(void)
{
    return hark_run(program, "((()))") < 0;
}
