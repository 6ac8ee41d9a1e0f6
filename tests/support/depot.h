// A store of its own to put files into and to take bundles over, and archives member by member.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "drafts/bundle.h"
#include "drafts/check.h"
#include "drafts/kept.h"
#include "drafts/put.h"
#include "support/catch.h"
#include "support/scratch.h"

namespace depot {

using namespace artfs;
namespace fs = std::filesystem;

struct Depot {
    Scratch scratch;
    std::unique_ptr<Store> store =
        std::move(*Store::create_or_open(scratch.path() / "store", Store::Access::read_write));
    SealContext context = offline_context(*store);
    std::uint64_t staging = 1;

    void put(const std::string& artifact, const std::map<std::string, std::string>& files) {
        auto in = scratch.path() / ("in" + std::to_string(staging));
        for (const auto& [path, text] : files) {
            fs::create_directories((in / path).parent_path());
            std::ofstream(in / path) << text;
        }
        PutOrder order;
        order.project = "default";
        order.artifact = artifact;
        order.paths = {in};
        order.metadata = "{\"a\":1}";
        auto reserve = [&](std::uint64_t count) {
            auto first = staging;
            staging += count;
            return first;
        };
        REQUIRE(put_files(context, order, reserve, [](const PutProgress&) { return true; }));
    }
    std::vector<VersionRecord> versions(const std::string& artifact) {
        auto txn = store->catalog().read();
        return txn->versions(txn->artifact("default", artifact)->id);
    }
    void bundle(const std::vector<VersionRecord>& of, const fs::path& file) {
        auto written = write_bundle(*store, "default", of, file,
                                    [](std::uint64_t, std::uint64_t) { return true; });
        INFO((written ? "" : written.error().message));
        REQUIRE(written);
    }
    // Interrupted when so much is done.
    Result<Merged> take(const fs::path& file, const std::string& project = "default",
                        int steps = 1 << 30) {
        return read_bundle(context, project, file, ++staging,
                           [&](std::uint64_t, std::uint64_t) { return --steps > 0; });
    }
    bool is_whole() {
        auto checked = check_store(*store, [](std::uint64_t, std::uint64_t) {});
        REQUIRE(checked);
        for (const auto& line : checked->damage) UNSCOPED_INFO(line);
        return checked->damage.empty();
    }
};

struct Member {
    std::string name;
    std::string bytes;
    unsigned type = AE_IFREG;
    std::string link;
};

inline std::vector<Member> members_of(const fs::path& file) {
    std::vector<Member> members;
    auto* in = archive_read_new();
    archive_read_support_format_tar(in);
    REQUIRE(archive_read_open_filename(in, file.c_str(), 65536) == ARCHIVE_OK);
    archive_entry* entry = nullptr;
    while (archive_read_next_header(in, &entry) == ARCHIVE_OK) {
        Member member{archive_entry_pathname(entry), "", AE_IFREG, ""};
        member.bytes.resize(static_cast<std::size_t>(archive_entry_size(entry)));
        archive_read_data(in, member.bytes.data(), member.bytes.size());
        members.push_back(std::move(member));
    }
    archive_read_free(in);
    return members;
}

inline void write_members(const fs::path& file, const std::vector<Member>& members) {
    auto* out = archive_write_new();
    archive_write_set_format_pax(out);
    REQUIRE(archive_write_open_filename(out, file.c_str()) == ARCHIVE_OK);
    for (const auto& member : members) {
        auto* entry = archive_entry_new();
        archive_entry_set_pathname(entry, member.name.c_str());
        archive_entry_set_filetype(entry, member.type);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, static_cast<la_int64_t>(member.bytes.size()));
        if (!member.link.empty()) archive_entry_set_symlink(entry, member.link.c_str());
        archive_write_header(out, entry);
        archive_write_data(out, member.bytes.data(), member.bytes.size());
        archive_entry_free(entry);
    }
    archive_write_close(out);
    archive_write_free(out);
}

}  // namespace depot
