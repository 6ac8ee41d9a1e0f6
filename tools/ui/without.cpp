// art ui where the HTTP library was not there to build it.
#include "command.h"

namespace artfs {

int run_ui(const Arguments&) {
    throw Failure(exit_refused,
                  "this art was built without its web interface: install libcpp-httplib-dev and "
                  "libzip-dev (tools/setup does) and build it again");
}

}  // namespace artfs
