// dsaio_version.

#include "flat/flat.h"

namespace {

using FlatVersion = Flat;

TEST_F(FlatVersion, IsTheProjects) { EXPECT_STREQ(dsaio_version(), PROJECT_VERSION); }

TEST_F(FlatVersion, IsAConstant) { EXPECT_EQ(dsaio_version(), dsaio_version()); }

}  // namespace
