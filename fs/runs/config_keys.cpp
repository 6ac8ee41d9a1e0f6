#include "runs/config_edit.h"

namespace artfs {

const std::vector<ConfigKey>& config_keys() {
    static const std::vector<ConfigKey> keys{
        {"launchers", R"(["+", "my-shell"])",
         "programs that only start others: what they start are runs of their own"},
        {"supervisors", R"(["+", "my-scheduler"])",
         "programs above which no run is looked for (an interpreter: its script or module)"},
        {"observers", R"(["+", "my-viewer"])", "programs whose reading leaves no trace"},
        {"file_tools", R"(["+", "my-copy"])", "programs that act for the shell that started them"},
        {"never_keep", R"(["+", "*.tmp"])", "patterns of file names that no version keeps"},
        {"record_environment", R"(["+", "CUDA_*"])",
         "environment variables recorded with each run"},
        {"group_by_environment", R"(["SLURM_JOB_ID+SLURM_STEP_ID"])",
         "variables whose equal values make processes one run"},
        {"pm_qos", R"("auto")", R"("auto" keeps processors awake under load, "off" does not)"},
        {"openlineage", R"("https://marquez.example/api/v1/lineage")",
         "where events of runs are sent while they happen: a URL, or the path of a file"},
        {"limits.drafts", "100", "unsealed drafts of one user"},
        {"limits.bytes", R"("100GiB")", "bytes of one user's unsealed drafts"},
        {"limits.views", "1000", "views of one user"},
        {"limits.draft_age", R"("30d")", "abandoned drafts older than that are dropped"},
        {"limits.output_log", R"("16MiB")", "bytes kept of what art run saw printed"},
        {"artifact.NAME.type", R"("model")", "type of the artifact, until its first version"},
        {"artifact.NAME.description", R"("what it is")", "description of the artifact"},
        {"artifact.NAME.commit", R"("end")",
         R"(when drafts are sealed: "end" of the run, or "quiet:5s" without a change)"},
        {"artifact.NAME.seal", R"("success")",
         R"(which ends of a run seal: "success", "always", or exits, as "ok:0,1")"},
        {"artifact.NAME.base", R"("latest")", R"(what a draft begins as: "latest" or "empty")"},
        {"artifact.NAME.keep_last", "10", "art gc deletes older versions without an alias"},
        {"artifact.NAME.ttl", R"("90d")", "art gc deletes versions that old without an alias"},
        {"type.NAME.description", R"("what they are")", "as artifact.NAME, for all of a type"},
        {"type.NAME.commit", R"("end")", "as artifact.NAME, for all of a type"},
        {"type.NAME.seal", R"("success")", "as artifact.NAME, for all of a type"},
        {"type.NAME.base", R"("latest")", "as artifact.NAME, for all of a type"},
        {"type.NAME.keep_last", "10", "as artifact.NAME, for all of a type"},
        {"type.NAME.ttl", R"("90d")", "as artifact.NAME, for all of a type"},
    };
    return keys;
}

}  // namespace artfs
