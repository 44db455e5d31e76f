#pragma once

// A check in a process of its own, where it may change what its parent must not.

#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

// Runs `check` in a child and returns its exit status; `text` receives its stderr.
inline int in_a_child(const std::function<int()>& check, std::string& text)
{
    int out[2];
    if (pipe(out) != 0) { return -1; }
    const pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDERR_FILENO);
        _exit(check());
    }
    close(out[1]);
    text.clear();
    char buffer[4096];
    for (ssize_t n; (n = read(out[0], buffer, sizeof buffer)) > 0;) { text.append(buffer, n); }
    close(out[0]);
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
