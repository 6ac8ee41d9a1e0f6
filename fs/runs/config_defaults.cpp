// What holds where config.toml says nothing.
#include "runs/config.h"

namespace artfs {

namespace {

// Read as lists, several names to a line.
// clang-format off

// Names that programs leave beside data and that mean nothing once the programs are gone. SQLite's
// -wal is not among them: it holds committed data.
std::vector<std::string> never_kept() {
    return {
        "lock.mdb", "*.lock", "*.pid", ".nfs*", ".fuse_hidden*", "*.db-shm", "*.sqlite-shm",
        "*.sqlite3-shm", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache",
        ".ipynb_checkpoints",
        "*.cache",  // YOLO's beside labels
        "*~", ".*.sw[a-p]", "*.swp", "*.swo", ".#*", "#*#", ".~lock.*#", "*.crdownload",
        ".DS_Store", "._*", "Thumbs.db", "desktop.ini", ".Trash-*", ".directory",
    };
}

// What helps to do a run again, and is nobody's secret.
std::vector<std::string> recorded_environment() {
    return {
        // language and time
        "LANG", "LC_*", "LANGUAGE", "TZ",
        // where programs and libraries come from
        "PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV",
        "CONDA_DEFAULT_ENV", "CONDA_PREFIX", "PIXI_PROJECT_NAME", "R_LIBS", "R_LIBS_USER",
        "JULIA_PROJECT", "JULIA_LOAD_PATH", "LOADEDMODULES", "MODULEPATH", "NIX_PATH",
        // randomness and determinism
        "PYTHONHASHSEED", "PL_GLOBAL_SEED", "CUBLAS_WORKSPACE_CONFIG", "TF_DETERMINISTIC_OPS",
        "TF_CUDNN_DETERMINISTIC", "PYTHONOPTIMIZE", "SOURCE_DATE_EPOCH",
        // devices and threads
        "CUDA_*", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE", "HIP_VISIBLE_DEVICES",
        "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "XLA_FLAGS", "XLA_PYTHON_CLIENT_*", "JAX_*",
        "TPU_*", "TF_*", "TORCH_*", "PYTORCH_*", "NCCL_*", "GLOO_*", "OMP_*", "KMP_*", "MKL_*",
        "OPENBLAS_*", "BLIS_NUM_THREADS", "NUMEXPR_*", "VECLIB_MAXIMUM_THREADS",
        "RAYON_NUM_THREADS", "TOKENIZERS_PARALLELISM", "MALLOC_*", "JULIA_NUM_THREADS",
        // place among others
        "SLURM_*", "SLURMD_NODENAME", "PBS_JOBID", "PBS_JOBNAME", "PBS_ARRAY_INDEX", "LSB_JOBID",
        "LSB_JOBINDEX", "JOB_ID", "SGE_TASK_ID", "RANK", "LOCAL_RANK", "WORLD_SIZE",
        "LOCAL_WORLD_SIZE", "GROUP_RANK", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT",
        "TORCHELASTIC_*", "OMPI_COMM_WORLD_*", "PMI_RANK", "PMI_SIZE", "PMIX_RANK",
        "PMIX_NAMESPACE",
        // who started it all
        "CI", "GITHUB_SHA", "GITHUB_REF", "GITHUB_RUN_ID", "GITHUB_WORKFLOW", "GITHUB_REPOSITORY",
        "CI_COMMIT_SHA", "CI_JOB_ID", "CI_PIPELINE_ID", "BUILD_NUMBER", "BUILD_TAG", "JOB_NAME",
        "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "WANDB_MODE",
    };
}

// clang-format on

}  // namespace

Config Config::built_in() {
    Config config;
    config.never_keep = never_kept();
    config.record_environment = recorded_environment();
    config.group_by_environment = {"SLURM_JOB_ID+SLURM_STEP_ID", "PMIX_NAMESPACE"};
    config.types["checkpoint"].commit = {CommitPolicy::When::quiet, std::chrono::seconds(5)};
    return config;
}

Policy Config::policy(const std::string& artifact, const std::string& type) const {
    Policy policy;
    if (auto found = artifacts.find(artifact); found != artifacts.end()) policy = found->second;
    auto wider = types.find(type);
    if (wider == types.end()) return policy;
    auto inherit = [](auto& mine, const auto& theirs) {
        if (!mine) mine = theirs;
    };
    inherit(policy.description, wider->second.description);
    inherit(policy.commit, wider->second.commit);
    inherit(policy.seal, wider->second.seal);
    inherit(policy.base, wider->second.base);
    inherit(policy.keep_last, wider->second.keep_last);
    inherit(policy.ttl, wider->second.ttl);
    return policy;
}

}  // namespace artfs
