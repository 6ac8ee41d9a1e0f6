// Records to put into a test's catalog.
#pragma once

#include <string>

#include "catalog/catalog.h"

inline artfs::ArtifactRecord an_artifact(const std::string& name) {
    artfs::ArtifactRecord record;
    record.id = artfs::ArtifactId::make();
    record.project = "default";
    record.name = name;
    record.created = artfs::now();
    return record;
}

inline artfs::VersionRecord a_version(const artfs::ArtifactRecord& artifact, std::uint32_t number) {
    artfs::VersionRecord record;
    record.id = artfs::VersionId::make();
    record.artifact = artifact.id;
    record.number = number;
    record.digest = artfs::sha256(artifact.name + std::to_string(number));
    record.created = artfs::now();
    return record;
}

inline artfs::RunRecord a_run(const std::string& name, const std::string& job_type) {
    artfs::RunRecord record;
    record.id = artfs::RunId::make();
    record.project = "default";
    record.name = name;
    record.job_type = job_type;
    record.started = artfs::now();
    record.wrote = true;
    return record;
}

inline artfs::RankSet ranks(std::initializer_list<std::uint32_t> values) {
    artfs::RankSet set;
    for (auto value : values) set.add(value);
    return set;
}
