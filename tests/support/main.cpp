// Catch2 version 2 makes its main here; version 3 brings one.
#ifndef ARTFS_CATCH2_V3
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
