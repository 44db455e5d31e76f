// Runs cases, many at once, and says what became of them.
//
// ours: exit status 0 if every case is right, or named where bytes cannot move; 77 if some cannot
// run here
//
// original: runs the cases that must lose bytes in silence; exit status 0 if they do
//
// report: prints fault, outcome, case and detail of each case, between tabs

#include "faults/faults.h"
#include "support/direct_io_dir.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstring>
#include <map>

std::vector<Case> cases_of(const Fault& fault, bool recorded)
{
    std::vector<Case> cases;
    for (const bool read_op : {false, true}) {
        if (!(read_op ? fault.reads : fault.writes)) { continue; }
        for (const bool overlap : {false, true}) {
            for (const bool single_submit : {false, true}) {
                Case c{};
                c.fault = fault.name;
                c.name = std::string(read_op ? "read" : "write") +
                         (overlap ? ", overlap" : ", sequential") +
                         (single_submit ? ", single submits" : "");
                c.read_op = read_op;
                c.overlap = overlap;
                c.single_submit = single_submit;
                fault.change(c);
                cases.push_back(c);
                if (!recorded || c.errors.empty()) { continue; }
                c.recorded = true;
                c.name += ", recorded";
                cases.push_back(c);
            }
        }
    }
    return cases;
}

namespace {

struct Running {
    size_t index;
    int from;
};

std::vector<Result> run_all(const std::vector<Case>& cases, int time_limit_s)
{
    constexpr size_t at_once = 8;
    std::vector<Result> results(cases.size());
    std::map<pid_t, Running> running;
    size_t next = 0;
    while (next < cases.size() || !running.empty()) {
        if (next < cases.size() && running.size() < at_once) {
            int ends[2];
            if (pipe2(ends, O_CLOEXEC) != 0) { abort(); }
            const pid_t child = fork();
            if (child == 0) {
                const Result result = run_case(cases[next], time_limit_s);
                const std::string text =
                    std::string(1, static_cast<char>(result.outcome)) + result.detail;
                // Less than a pipe holds, so nobody needs to read yet.
                _exit(write(ends[1], text.data(), std::min<size_t>(text.size(), 4096)) < 0);
            }
            close(ends[1]);
            running[child] = {next++, ends[0]};
            continue;
        }
        const pid_t child = wait(nullptr);
        const auto [index, from] = running.at(child);
        running.erase(child);
        char text[4097] = {static_cast<char>(Outcome::died)};
        const ssize_t got = read(from, text, sizeof text - 1);
        close(from);
        results[index] = {static_cast<Outcome>(text[0]), got > 0 ? text + 1 : "no result"};
        for (char& c : results[index].detail) { c = c == '\n' || c == '\t' ? ' ' : c; }
    }
    return results;
}

// Whether the usual directory's file system takes O_DIRECT that is not aligned, as tmpfs and others
// do. There the original is right, too.
bool takes_unaligned()
{
    std::string reason;
    const TemporaryFile file(direct_io_dir(reason));
    const int fd = open(file.path().c_str(), O_WRONLY | O_DIRECT);
    const bool taken = pwrite(fd, "x", 1, 1) == 1;
    close(fd);
    return taken;
}

}  // namespace

extern "C" int report_faults(int argc, char** argv)
{
    const std::string mode = argv[0];
    std::vector<Group> groups = file_faults();
    for (const Group& group : kernel_faults()) { groups.push_back(group); }
    // Chosen before the cases fork.
    std::string reason;
    const bool forgiving = direct_io_dir(reason).empty() || takes_unaligned();
    fflush(stdout);

    const bool ours = mode == "ours", original = mode == "original";
    std::vector<Case> cases;
    std::vector<const Fault*> fault_of;
    for (const Group& group : groups) {
        for (const Fault& fault : group.faults) {
            bool wanted = argc == 1;
            for (int i = 1; i < argc; ++i) {
                wanted = wanted || group.name == argv[i] || fault.name == argv[i];
            }
            if (!wanted) { continue; }
            for (const Case& c : cases_of(fault, ours)) {
                if (original && !(fault.silent && fault.silent(c))) { continue; }
                cases.push_back(c);
                fault_of.push_back(&fault);
            }
        }
    }
    const std::vector<Result> results = run_all(cases, mode == "report" ? 5 : 30);

    size_t failed = 0, skipped = 0;
    std::string reason_of_skip;
    for (size_t i = 0; i < cases.size(); ++i) {
        const auto& [outcome, detail] = results[i];
        const Case& c = cases[i];
        const Fault& fault = *fault_of[i];
        bool good = true;
        if (outcome == Outcome::skipped) {
            ++skipped;
            reason_of_skip = detail;
            // CI can install the tool.
            good = getenv("CI") == nullptr || detail.find(" is missing; ") == std::string::npos;
        } else if (ours) {
            good = outcome == (c.errors.empty() ? Outcome::right : Outcome::named);
        } else if (original) {
            good = outcome == Outcome::silent || (forgiving && c.disk == Disk::usual);
        }
        failed += !good;
        if (mode == "report") {
            printf("%s\t%s\t%s\t%s\n", fault.title.c_str(), name_of(outcome), c.name.c_str(),
                   detail.c_str());
        } else {
            printf("%s%s, %s: %s %s\n", good ? "" : "FAILED: ", fault.name.c_str(), c.name.c_str(),
                   name_of(outcome), detail.c_str());
        }
    }
    if (cases.empty()) { printf("FAILED: there is no such fault\n"); }
    if (failed > 0 || cases.empty()) { return 1; }
    if (skipped == 0) { return 0; }
    printf("skipped: %zu of %zu cases: %s\n", skipped, cases.size(), reason_of_skip.c_str());
    return 77;
}
