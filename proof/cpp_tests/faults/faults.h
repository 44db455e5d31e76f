#pragma once

#include "faults/case.h"

// On which of its cases the original, compiled without assertions, must be seen to lose bytes in
// silence. Empty: this is not checked, because it depends on the machine or on timing.
using Silent = std::function<bool(const Case&)>;
inline bool always(const Case&) { return true; }
inline bool sequential(const Case& c) { return !c.overlap; }

struct Fault {
    std::string name;
    std::string title;  // in the table
    bool reads, writes;
    Silent silent;
    std::function<void(Case&)> change;  // makes the case of a transfer without a fault
};

struct Group {
    std::string name;  // of the test
    std::vector<Fault> faults;
};

std::vector<Group> file_faults();    // sizes, disks, alignment, descriptors
std::vector<Group> kernel_faults();  // memory, calls

// Both modes, one and many submits, reads and writes where they make sense; what must fail also
// with a recorder if `recorded`.
std::vector<Case> cases_of(const Fault& fault, bool recorded);
