// What was built on a frozen tree goes on upon what that became (promotion.h).
//
// Free functions without state; thread-safe as far as their arguments are.
#pragma once

#include "drafts/seal.h"

namespace artfs {

// An order that waits, and what it knows of its files.
void promote(SealOrder& order, HashedFiles& known, const Promotion& promotion);

}  // namespace artfs
