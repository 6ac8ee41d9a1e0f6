// A draft's rows: what a checkpoint writes, and what is read back from it.
#include <sys/stat.h>

#include "drafts/overlay.h"
#include "support/catch.h"

using namespace artfs;

namespace {

OverlayNode named(Overlay& overlay, const std::string& name, OverlayNode node) {
    node.number = overlay.next_number();
    node.changed = true;
    DraftChange change;
    change.nodes.push_back(node);
    change.names.push_back({root_number, name, OverlayName{node.number, overlay.next_serial()}});
    overlay.apply(change);
    return node;
}

Snapshot no_files() { return {.root = empty_dir(), .metadata = {}, .description = {}}; }

std::map<std::string, std::string> present(
    const std::map<std::string, std::optional<std::string>>& rows) {
    std::map<std::string, std::string> found;
    for (const auto& [key, value] : rows)
        if (value) found.emplace(key, *value);
    return found;
}

}  // namespace

TEST_CASE("a node comes back from its row as it was", "[drafts]") {
    Overlay overlay(no_files());
    OverlayNode fifo;
    fifo.special = S_IFIFO;
    fifo.attributes.mode = 0640;
    fifo.links = 2;
    fifo.atime = Time(std::chrono::seconds(12345));
    fifo.attributes.xattrs["user.k"] = std::string("a\0b", 3);
    named(overlay, "pipe", fifo);
    OverlayNode link;
    link.kind = Kind::symlink;
    link.target = "\xff/x";
    named(overlay, "link\n", link);

    auto again = Overlay::from_rows(no_files(), present(overlay.take_dirty_rows()));
    for (const char* name : {"pipe", "link\n"}) {
        const auto* before = overlay.node(overlay.names(root_number).at(name).node);
        const auto* after = again.node(again.names(root_number).at(name).node);
        REQUIRE(after != nullptr);
        CHECK(*after == *before);
    }
    CHECK_FALSE(again.is_dirty());
}

TEST_CASE("FIFOs alone are nothing to seal, unless they took a file's place", "[drafts]") {
    Overlay overlay(no_files());
    OverlayNode fifo;
    fifo.special = S_IFIFO;
    auto node = named(overlay, "pipe", fifo);
    CHECK_FALSE(overlay.has_changes());
    // Serial 0: the base has the name.
    overlay.apply({{}, {}, {{root_number, "pipe", OverlayName{node.number, 0}}}});
    CHECK(overlay.has_changes());
}

TEST_CASE("rows that could not be written are given again, as they are by then", "[drafts]") {
    Overlay overlay(no_files());
    auto one = named(overlay, "one", {});
    named(overlay, "two", {});
    auto lost = overlay.take_dirty_rows();
    CHECK_FALSE(overlay.is_dirty());
    one.size = 77;
    overlay.apply({{one}, {}, {{root_number, "two", std::nullopt}}});
    overlay.put_back(lost);
    auto rows = overlay.take_dirty_rows();
    for (const auto& [key, value] : lost) REQUIRE(rows.contains(key));
    auto again = Overlay::from_rows(no_files(), present(rows));
    CHECK(again.node(one.number)->size == 77);
    CHECK_FALSE(again.names(root_number).contains("two"));
    CHECK(again.names(root_number).contains("one"));
}
