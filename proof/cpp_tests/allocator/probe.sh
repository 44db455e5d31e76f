# shellcheck shell=sh
# Sourced by the tests that run the probe, which is their argument.

probe=$1
mib=512 # of the buffer
kernel= # this one, or "old" as before Linux 6.1
# shellcheck disable=SC2034  # for the tests
huge_mib=$(($(cat /sys/kernel/mm/transparent_hugepage/hpage_pmd_size 2> /dev/null || echo 0) / 1048576))

# expect HELPERS HUGE [COMMAND...]: what the probe must print of its buffer, "yes" or "no" each, where COMMAND
# starts it; HUGE may be "any"
expect() {
    expected="helpers $1
huge $2
resident yes"
    shift 2
    status=0
    found=$("$@" "$probe" "$mib" $kernel) || status=$?
    if [ "$status" -eq 77 ]; then
        echo "skipped: $found"
        exit 77
    fi
    case $expected in
    *any*) found=$(echo "$found" | sed 's/huge .*/huge any/') ;;
    esac
    if [ "$status:$found" != "0:$expected" ]; then
        printf 'FAILED: "%s": status %s, found\n%s\nexpected\n%s\n' \
            "$* $probe $mib $kernel" "$status" "$found" "$expected"
        exit 1
    fi
}
