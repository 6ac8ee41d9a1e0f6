#include "drafts/revert.h"

namespace artfs {

std::optional<ArtifactRecord> revert_head(WriteTxn& txn, const ArtifactId& artifact,
                                          std::uint32_t version, const std::string& who) {
    auto record = txn.artifact(artifact);
    auto wanted = txn.version(artifact, version);
    if (!record || !wanted || wanted->deleted) return std::nullopt;
    if (record->head == version) return record;
    nlohmann::json from =
        record->head ? nlohmann::json("v" + std::to_string(*record->head)) : nullptr;
    txn.add_history(
        artifact,
        {now(), who, "revert", {{"from", from}, {"version", "v" + std::to_string(version)}}});
    record->head = version;
    txn.put(*record);
    return record;
}

}  // namespace artfs
