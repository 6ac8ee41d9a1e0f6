// Catch2 version 2 (Debian 12) or 3 (Debian 13): the macros that we use are the same.
#pragma once

#ifdef ARTFS_CATCH2_V3
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
