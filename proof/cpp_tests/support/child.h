#pragma once

// A check in a process of its own, where it may change what its parent must not.

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <functional>
#include <string>

// What a check answers where it cannot run, so that its test is skipped.
inline constexpr int cannot_run = 77;

struct Child {
    int status = -1;   // what the check answered
    std::string text;  // on stderr
};

// Runs `check` in a child.
inline Child in_a_child(const std::function<int()>& check)
{
    int out[2];
    if (pipe(out) != 0) { return {}; }
    const pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDERR_FILENO);
        _exit(check());
    }
    close(out[1]);
    Child ended;
    char buffer[4096];
    for (ssize_t n; (n = read(out[0], buffer, sizeof buffer)) > 0;) {
        ended.text.append(buffer, n);
    }
    close(out[0]);
    int status = -1;
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) { ended.status = WEXITSTATUS(status); }
    return ended;
}

inline constexpr int any = -1;

// From now on this process's system call `number`, with `argument` as its third one, answers
// `error`.
inline bool make_fail(int number, int error, int argument = any)
{
    // The low half of the third argument, on little-endian machines.
    const __u32 third = offsetof(seccomp_data, args) + 2 * sizeof(__u64);
    const __u8 other = argument == any ? 0 : 1;
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<__u32>(number), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, third),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<__u32>(argument), 0, other),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<__u32>(error)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{sizeof program / sizeof *program, program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}
