#!/usr/bin/env bash
# The MNIST pipeline, as a person would write it: five programs, one after the other.
#
#   ART   the mount, or any directory
#   DATA  where the four IDX files are
#   BIN   where the stages are
#   QUICK=1 for a small, fast run
set -eu
: "${ART:?}" "${DATA:?}" "${BIN:?}"
limit=0 epochs=5
if [ "${QUICK:-}" = 1 ]; then limit=2000 epochs=1; fi

raw=$ART/mnist-raw/latest data=$ART/mnist-preprocess/latest
net=$ART/convnet/latest trained=$ART/trained-model/latest run=$ART/.art/run
mkdir -p "$raw" "$data" "$net" "$trained"

"$BIN/load-data" --data "$DATA" --out "$raw" --limit $limit \
    --metadata-out "$raw/.art/metadata.json" --description-out "$raw/.art/description"

"$BIN/preprocess-data" --in "$raw" --out "$data" --metadata-out "$data/.art/metadata.json"

"$BIN/initialize" --out "$net" --run-config-out "$run/config.json" \
    --metadata-out "$net/.art/metadata.json" --description-out "$net/.art/description" \
    --type-out "$net/.art/type"

"$BIN/train" --in "$data" --model "$net/initialized_model.pth" --model-metadata "$net/.art/metadata.json" \
    --out "$trained" --batch_size 128 --epochs $epochs --batch_log_interval 25 --optimizer Adam \
    --run-config-out "$run/config.json" --metrics "$run/metrics.jsonl" \
    --metadata-out "$trained/.art/metadata.json" --type-out "$trained/.art/type"

"$BIN/report" --in "$data" --model "$trained/trained_model.pth" --model-metadata "$trained/.art/metadata.json" \
    --summary "$run/summary.json" --media "$run/media"
