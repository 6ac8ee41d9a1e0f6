#include "ref.h"

#include "base/names.h"
#include "failure.h"

namespace artfs {

Ref parse_ref(const std::string& text) {
    auto wrong = [&](const std::string& why) {
        return Failure(exit_usage,
                       "'" + text + "' is no reference, " + why +
                           ": write artifact, artifact:v0, artifact:alias/path or @run");
    };
    Ref ref;
    if (text.starts_with('@')) {
        ref.run = true;
        ref.name = text.substr(1);
        if (ref.name.empty()) throw wrong("the run has no name");
        return ref;
    }
    static const std::string by_digest = "@sha256:";
    if (auto at = text.find(by_digest); at != std::string::npos) {
        ref.name = text.substr(0, at);
        ref.versioned = true;
        ref.digest = text.substr(at + by_digest.size());
        if (auto slash = ref.digest.find('/'); slash != std::string::npos) {
            ref.path = ref.digest.substr(slash + 1);
            ref.digest.resize(slash);
        }
        if (ref.digest.size() < 8 || ref.digest.size() > 64 ||
            ref.digest.find_first_not_of("0123456789abcdef") != std::string::npos)
            throw wrong("a digest has 8 to 64 lower-case hexadecimal digits");
    } else if (auto colon = text.find(':'); colon != std::string::npos) {
        ref.name = text.substr(0, colon);
        ref.versioned = true;
        ref.version = text.substr(colon + 1);
        if (auto slash = ref.version.find('/'); slash != std::string::npos) {
            ref.path = ref.version.substr(slash + 1);
            ref.version.resize(slash);
        }
        if (!is_plain_name(ref.version)) throw wrong("the version is no number and no alias");
    } else {
        auto slash = text.find('/');
        ref.name = text.substr(0, slash);
        if (slash != std::string::npos) ref.path = text.substr(slash + 1);
    }
    if (!is_plain_name(ref.name)) throw wrong("the name has other bytes than A-Z a-z 0-9 _ . -");
    return ref;
}

ArtifactRecord find_artifact(const ReadTxn& txn, const std::string& project, const Ref& ref) {
    if (ref.run)
        throw Failure(exit_usage, "'@" + ref.name +
                                      "' is a run: name an artifact or a version, like "
                                      "mnist-raw:v0");
    auto artifact = txn.artifact(project, ref.name);
    if (!artifact)
        throw Failure(exit_not_found,
                      "no artifact is called '" + ref.name + "': art ls lists them");
    return *artifact;
}

VersionRecord find_version(const ReadTxn& txn, const std::string& project, const Ref& ref) {
    auto artifact = find_artifact(txn, project, ref);
    std::optional<VersionRecord> found;
    if (!ref.digest.empty()) {
        for (const auto& version : txn.versions(artifact.id)) {
            if (!version.digest.hex().starts_with(ref.digest)) continue;
            if (found && found->digest != version.digest)
                throw Failure(exit_usage, "the digest fits several versions: give more digits");
            found = version;
        }
    } else if (ref.version.empty() || ref.version == "latest") {
        if (!artifact.head) throw Failure(exit_not_found, "'" + ref.name + "' has no version yet");
        found = txn.version(artifact.id, *artifact.head);
    } else if (auto number = VersionNumber::parse(ref.version)) {
        found = txn.version(artifact.id, number->value);
        if (found && found->deleted) found.reset();
    } else {
        auto aliases = txn.aliases(artifact.id);
        if (auto alias = aliases.find(ref.version); alias != aliases.end())
            found = txn.version(artifact.id, alias->second);
    }
    if (!found)
        throw Failure(exit_not_found, "'" + ref.name + "' has no version '" +
                                          (ref.digest.empty() ? ref.version : ref.digest) +
                                          "': art ls " + ref.name + " lists them");
    return *found;
}

RunRecord find_run(const ReadTxn& txn, const std::string& project, const std::string& name) {
    auto run = txn.run(project, name);
    if (auto id = RunId::parse(name); !run && id) run = txn.run(*id);
    if (!run)
        throw Failure(exit_not_found, "no run is called '" + name + "': art runs --all lists them");
    return *run;
}

bool names_run(const ReadTxn& txn, const std::string& project, const Ref& ref) {
    if (ref.run) return true;
    if (ref.versioned || !ref.path.empty() || txn.artifact(project, ref.name)) return false;
    auto id = RunId::parse(ref.name);
    return txn.run(project, ref.name) || (id && txn.run(*id));
}

}  // namespace artfs
