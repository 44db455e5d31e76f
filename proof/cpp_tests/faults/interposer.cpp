// seccomp's user notifications: unlike strace they need no privileges, and the thread that answers
// can make the call itself, differently.

#include "faults/interposer.h"
#include "faults/transfer.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <map>
#include <thread>

namespace {

void answer_calls(const std::atomic<int>& listener, const std::function<long(const Call&)>& answer)
{
    while (listener == -1) { std::this_thread::yield(); }
    std::map<long, int> counts;
    while (true) {
        seccomp_notif asked{};
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) { continue; }
        Call call{asked.data.nr, {}, counts[asked.data.nr]++};
        for (int i = 0; i < 6; ++i) { call.arguments[i] = static_cast<long>(asked.data.args[i]); }
        const long result = answer(call);
        seccomp_notif_resp response{};
        response.id = asked.id;
        if (result == let_it_through) {
            response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        } else if (result < 0) {
            response.error = static_cast<int>(result);
        } else {
            response.val = result;
        }
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
    }
}

}  // namespace

void intercept(const std::vector<int>& numbers, std::function<long(const Call&)> answer)
{
    std::vector<sock_filter> program{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    for (const int number : numbers) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<__u32>(number), 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};

    // Started first, so that the filter does not hold for it. It lives as long as the process.
    auto* listener = new std::atomic<int>(-1);
    std::thread([listener, answer = std::move(answer)] {
        answer_calls(*listener, answer);
    }).detach();
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const long fd =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    if (fd == -1) {
        skip(std::string("this process may not intercept system calls: ") + strerror(errno));
    }
    *listener = static_cast<int>(fd);
}
