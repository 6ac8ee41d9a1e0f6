// art complete -- WORD…: what could stand where the last word is, one a line. The shells' own
// completions (completions/) all ask this. Wrong words, and stores that are not there, give
// nothing.
#include <algorithm>
#include <iostream>
#include <set>

#include "base/names.h"
#include "help.h"
#include "ref.h"
#include "runs/config_edit.h"

namespace artfs {

namespace {

constexpr std::size_t runs_shown = 200;

using Words = std::vector<std::string>;

void add_versions(const ReadTxn& txn, const ArtifactRecord& artifact, Words& out) {
    out.push_back(artifact.name + ":latest");
    for (const auto& [alias, number] : txn.aliases(artifact.id))
        out.push_back(artifact.name + ":" + alias);
    for (const auto& version : txn.versions(artifact.id))
        out.push_back(artifact.name + ":v" + std::to_string(version.number));
}

void add_files(Reader& reader, const std::string& word, Words& out) {
    auto slash = word.find('/');
    Ref ref = parse_ref(word.substr(0, slash));
    auto root = reader.txn().snapshot(find_version(reader.txn(), reader.project(), ref).tree).root;
    auto last = word.rfind('/');
    std::string directory = last == slash ? "" : word.substr(slash + 1, last - slash - 1);
    auto at = reader.reading();
    if (!directory.empty()) {
        auto found = find_path(at.nodes, root, directory);
        if (!found || found->entry.kind != Kind::directory) return;
        root = found->entry.dir;
    }
    list(at.nodes, root, 0, 0, [&](const Entry& entry, std::uint32_t) {
        out.push_back(word.substr(0, last + 1) + entry.name +
                      (entry.kind == Kind::directory ? "/" : ""));
        return true;
    });
}

void add_runs(const Reader& reader, const std::string& prefix, Words& out) {
    std::size_t count = 0;
    reader.txn().runs(reader.project(), [&](const RunRecord& run) {
        out.push_back(prefix + run.name);
        return ++count < runs_shown;
    });
}

void add_references(const Arguments& arguments, const std::string& word, bool versions, bool runs,
                    Words& out) {
    Reader reader(arguments, Reader::Look::as_it_is);
    auto colon = word.find(':');
    if (word.find('/') != std::string::npos) {
        if (versions) add_files(reader, word, out);
    } else if (colon != std::string::npos) {
        auto artifact = reader.txn().artifact(reader.project(), word.substr(0, colon));
        if (artifact && versions) add_versions(reader.txn(), *artifact, out);
    } else if (word.starts_with('@')) {
        add_runs(reader, "@", out);
    } else {
        for (const auto& artifact : reader.txn().artifacts(reader.project())) {
            out.push_back(artifact.name);
            if (versions) out.push_back(artifact.name + ":");
        }
        if (runs) add_runs(reader, "@", out);
    }
}

void add_option_values(const Arguments& arguments, const std::string& option, Words& out) {
    if (option == "--state") out = {"running", "finished", "failed", "killed", "lost"};
    if (option == "--format") out = {"text", "dot", "mermaid", "json", "svg"};
    if (option == "--artifact") add_references(arguments, "", false, false, out);
}

bool has_word(const std::string& usage, const std::string& word) {
    return usage.find(word) != std::string::npos;
}

void add_positionals(const Arguments& arguments, const Command& command, const std::string& word,
                     Words& out) {
    std::string usage = command.usage;
    if (has_word(usage, "KEY [VALUE]")) {
        for (const auto& key : config_keys()) out.emplace_back(key.name);
        return;
    }
    bool runs = has_word(usage, "RUN");
    bool versions = has_word(usage, "REF");
    if (runs || versions || has_word(usage, "ARTIFACT"))
        add_references(arguments, word, versions, runs, out);
}

Words candidates(const Arguments& arguments) {
    Words out;
    Words words = arguments.command;
    if (words.empty()) words.emplace_back();
    const std::string last = words.back();
    if (words.size() == 1) {
        for (const auto& command : commands())
            if (!is_hidden(command)) out.emplace_back(command.name);
        return out;
    }
    const auto* command = find_command(words.front());
    if (command == nullptr) return out;
    auto options = options_of(*command);
    const auto& before = words[words.size() - 2];
    if (before.starts_with("--")) {
        const auto* option = options.find_nothrow(before.substr(2), false);
        if (option != nullptr && option->semantic()->max_tokens() > 0) {
            add_option_values(arguments, before, out);
            return out;
        }
    }
    if (last.starts_with("-")) {
        for (const auto& option : options.options()) out.push_back("--" + option->long_name());
        return out;
    }
    add_positionals(arguments, *command, last, out);
    return out;
}

}  // namespace

int run_complete(const Arguments& arguments) {
    const std::string last = arguments.command.empty() ? "" : arguments.command.back();
    Words found;
    try {
        found = candidates(arguments);
    } catch (const Failure&) {
        return exit_done;
    }
    for (const auto& candidate : found)
        if (candidate.starts_with(last) && candidate.find('\n') == std::string::npos)
            std::cout << candidate << "\n";
    return exit_done;
}

}  // namespace artfs
