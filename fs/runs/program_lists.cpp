// The built-in lists: who starts programs, who starts people's work, who only looks, who moves
// files.
//
// Names that people give programs of their own (test, split, task) are left out: an observer too
// many loses a use, which is worse than a run too many.
//
// What a list gets wrong shows soon and can be configured: a launcher too few joins unrelated runs,
// one too many splits a run; a supervisor too few makes one endless run that seals nothing (`art
// status` says so).
#include "runs/programs.h"

namespace artfs {

ProgramLists ProgramLists::built_in() {
    ProgramLists lists;

    // Read as lists, several names to a line.
    // clang-format off

    // They start other programs and have no work of their own.
    lists.launchers = {
        // shells
        "sh", "bash", "dash", "zsh", "fish", "ksh", "ksh93", "mksh", "csh", "tcsh", "rbash", "ash",
        "busybox", "yash", "elvish", "nu", "xonsh", "pwsh",
        // builders: each recipe is work of its own
        "make", "gmake", "bmake", "ninja", "samu", "rake", "scons", "bazel", "meson",
        // another user or place
        "sudo", "sudo-rs", "su", "doas", "pkexec", "runuser", "setpriv", "chroot", "unshare",
        "nsenter", "bwrap", "firejail", "fakeroot", "faked", "proot", "systemd-run", "run0",
        "apptainer run", "apptainer exec", "singularity run", "singularity exec",
        // another environment, priority, limit or terminal
        "env", "time", "timeout", "nice", "ionice", "chrt", "taskset", "numactl", "nohup", "setsid",
        "setarch", "stdbuf", "unbuffer", "script", "scriptreplay", "expect", "prlimit", "cpulimit",
        "flock", "chronic", "eatmydata", "watch", "entr", "caffeinate", "systemd-inhibit",
        "systemd-cat", "dotenv", "direnv", "dbus-run-session", "xvfb-run", "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
        // observers of programs
        "strace", "ltrace", "perf", "gdb", "lldb", "valgrind", "heaptrack", "nsys", "ncu",
        "hyperfine", "bpftrace",
        // runners of package managers and environments
        "uv run", "uvx", "uv tool", "conda run", "mamba run", "micromamba run", "poetry run",
        "pipenv run", "pdm run", "hatch run", "rye run", "pixi run", "pipx run", "tox", "nox",
        "npm run", "npx", "yarn run", "pnpm run", "cargo run", "go run", "nix develop", "nix run",
        "nix-shell", "guix shell", "devbox run", "spack",
        // terminals that outlive a connection
        "tmux", "screen", "byobu", "zellij", "dtach", "abduco", "dvtm", "mosh-server",
        // ours
        "art run", "art begin",
    };

    // Notebooks and editors: somebody goes on working in what they start.
    lists.interactive = {
        "jupyter", "jupyter-lab", "jupyterlab", "jupyter-server", "jupyter-notebook", "notebook",
        "jupyterhub", "jupyterhub-singleuser", "jupyter-kernelgateway", "jupyter-console",
        "nbclassic", "zeppelin-server", "rserver", "rsession", "rstudio", "code-server",
        "openvscode-server", "code", "code-insiders", "codium", "cursor", "code-tunnel",
        "server-main.js", "bootstrap-fork", "remote-dev-server", "pycharm", "idea", "clion", "zed",
        "zed-editor", "zed-remote-server", "theia", "emacs", "marimo",
    };

    // They live long and start pieces of work that have nothing to do with each other.
    lists.supervisors = {
        // init and service managers
        "init", "systemd", "systemd-executor", "runit", "runsvdir", "runsv", "s6-svscan",
        "s6-supervise", "supervisord", "circusd", "monit", "openrc", "openrc-run",
        "supervise-daemon", "tini", "tini-static", "dumb-init", "docker-init", "catatonit", "pm2",
        "launchd",
        // ways in
        "sshd", "sshd-session", "sshd-auth", "dropbear", "login", "agetty", "getty", "mingetty",
        "telnetd", "in.telnetd", "xrdp-sesman", "ttyd", "wetty", "gotty", "gdm-session-worker",
        "lightdm", "sddm", "sddm-helper", "tailscaled", "teleport", "qemu-ga", "amazon-ssm-agent",
        "ssm-session-worker", "google_guest_agent",
        // clocks
        "cron", "crond", "fcron", "anacron", "atd", "dcron",
        // containers
        "containerd", "containerd-shim", "containerd-shim-runc-v2", "containerd-shim-runc-v1",
        "dockerd", "docker-containerd-shim", "runc", "crun", "youki", "conmon", "podman", "crio",
        "kubelet", "lxc-start", "lxd", "incusd", "systemd-nspawn", "rootlesskit", "docker-proxy",
        // batch systems
        "slurmd", "slurmstepd", "pbs_mom", "sge_execd", "sge_shepherd", "condor_master",
        "condor_startd", "condor_starter", "flux-broker", "nomad", "raylet", "dask-worker",
        "dask-nanny", "dask worker",
        // workflow engines: each task is work of its own
        "snakemake", "nextflow", "nextflow.cli.Launcher", "airflow", "luigi", "luigid", "dvc",
        "prefect", "dagster-daemon", "dagster-webserver", "pyflyte", "argoexec", "cromwell",
        "cwltool", "toil", "toil-cwl-runner", "tekton-entrypoint", "kfp-launcher", "wandb-agent",
        "wandb agent",
        // CI agents
        "gitlab-runner", "Runner.Listener", "Runner.Worker", "buildkite-agent", "agent.jar",
        "remoting.jar", "slave.jar", "jenkins.war", "circleci-agent", "teamcity-agent",
        "bamboo-agent", "Agent.Listener", "Agent.Worker", "drone-runner-docker", "woodpecker-agent",
        "forgejo-runner", "buildbot", "buildbot-worker",
        // desktops and their terminals
        "Xorg", "Xwayland", "gnome-shell", "gnome-session-binary", "gnome-terminal-server",
        "kwin_wayland", "plasmashell", "plasma_session", "kitty", "alacritty", "konsole", "xterm",
        "urxvt", "rxvt", "foot", "wezterm-gui", "ghostty", "terminator", "xfce4-terminal",
        "xfce4-session", "i3", "sway", "hyprland", "guake", "tilix",
        // WSL's way in, and ours
        "wslhost", "artd",
    };
    lists.supervisors.insert(lists.supervisors.end(), lists.interactive.begin(),
                             lists.interactive.end());

    // They look at files and leave nothing behind.
    lists.observers = {
        // listing and asking
        "ls", "dir", "vdir", "exa", "eza", "lsd", "tree", "stat", "file", "find", "fd", "fdfind",
        "locate", "plocate", "updatedb", "updatedb.plocate", "updatedb.mlocate", "du", "ncdu",
        "gdu", "df", "readlink", "realpath", "basename", "dirname", "namei", "pwd", "getfattr",
        "getfacl", "lsattr", "lsof", "fuser", "findmnt", "mount", "umount", "mountpoint",
        "fusermount", "fusermount3", "inotifywait", "inotifywatch",
        // reading and comparing
        "cat", "tac", "less", "more", "most", "bat", "batcat", "head", "tail", "wc", "nl", "od",
        "xxd", "hexdump", "strings", "grep", "egrep", "fgrep", "rg", "ag", "zcat", "zless", "zgrep",
        "bzcat", "xzcat", "zstdcat", "jq", "yq", "diff", "diff3", "sdiff", "colordiff", "delta",
        "cmp", "vimdiff", "cksum", "md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum",
        "sha512sum", "b2sum", "b3sum", "xxhsum", "xxh64sum", "xxh128sum", "crc32", "shasum",
        "hashdeep", "exiftool", "mediainfo", "ffprobe", "h5ls", "h5dump", "ncdump", "readelf",
        "objdump", "nm", "ldd",
        // viewers
        "feh", "eog", "xdg-open", "okular", "evince", "ranger", "mc", "nnn", "yazi", "nautilus",
        "dolphin", "thunar", "pcmanfm", "nemo",
        // indexers and scanners
        "tracker-miner-fs-3", "tracker-extract-3", "localsearch-3", "baloo_file",
        "baloo_file_extractor", "mandb", "clamscan", "clamd", "freshclam", "gvfsd", "gvfsd-trash",
        "gvfs-udisks2-volume-monitor", "udisksd", "thumbnailer", "tumblerd",
        "gdk-pixbuf-thumbnailer", "zeitgeist-daemon", "bfs", "watchman", "auditd", "node_exporter",
        "telegraf", "netdata", "collectd",
        // prompts and completion
        "starship", "powerline", "oh-my-posh", "zoxide", "fzf",
        // set-up of containers, which walks what it mounts
        "fuse-overlayfs", "buildkitd", "buildah", "snapd", "snap-confine",
        // ours
        "art",
    };

    // They move, make and change files for the one who typed the command.
    lists.file_tools = {
        // coreutils and kin
        "cp", "mv", "rm", "mkdir", "rmdir", "touch", "ln", "install", "dd", "tee", "truncate",
        "fallocate", "shred", "unlink", "mkfifo", "mktemp", "prename", "mmv", "chmod", "chown",
        "chgrp", "setfattr", "setfacl", "chattr", "sponge", "rsync", "rclone", "scp", "sftp",
        "sftp-server", "trash", "trash-put", "cpio", "pv",
        // archives
        "tar", "bsdtar", "zip", "unzip", "gzip", "gunzip", "pigz", "bzip2", "bunzip2", "pbzip2",
        "xz", "unxz", "zstd", "unzstd", "lz4", "7z", "7za", "7zr", "7zz", "unrar", "unsquashfs",
        "mksquashfs",
        // text, in place
        "sed", "patch", "ex", "dos2unix", "unix2dos", "iconv", "recode",
        // fetching
        "wget", "wget2", "curl", "aria2c", "aria2", "axel", "s5cmd", "aws", "gsutil", "gcloud",
        "azcopy", "huggingface-cli", "hf", "kaggle", "gdown", "yt-dlp", "ipfs",
        // versions
        "git", "git-lfs", "git-annex", "hg", "svn", "jj", "bup", "restic", "borg", "kopia",
        // editors
        "vi", "vim", "vim.basic", "vim.tiny", "vim.gtk3", "nvim", "nano", "micro", "hx", "helix",
        "kak", "joe", "mcedit", "gedit", "gnome-text-editor", "kate", "kwrite", "mousepad",
    };
    // clang-format on
    return lists;
}

}  // namespace artfs
