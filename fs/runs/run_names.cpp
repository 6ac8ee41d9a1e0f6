#include "runs/run_names.h"

#include <array>

namespace artfs {

namespace {

// Their counts are prime, so that every pair comes before one comes again. What a number was
// called stays: neither these words nor their order may change.
constexpr std::array<const char*, 79> adjectives = {
    "amber",   "autumn",   "balmy",     "bold",   "brave",  "breezy", "bright",  "brisk",
    "calm",    "careful",  "cheerful",  "clear",  "clever", "cosmic", "cozy",    "crimson",
    "crisp",   "curious",  "dapper",    "daring", "dawn",   "deep",   "eager",   "early",
    "earnest", "easy",     "fair",      "fancy",  "fond",   "fresh",  "gentle",  "gleaming",
    "golden",  "graceful", "grand",     "happy",  "hardy",  "honest", "humble",  "ivory",
    "jolly",   "keen",     "kind",      "lively", "lucky",  "lunar",  "mellow",  "merry",
    "mild",    "misty",    "noble",     "odd",    "olive",  "pearly", "playful", "polished",
    "proud",   "quick",    "quiet",     "rapid",  "rosy",   "royal",  "rustic",  "sincere",
    "smooth",  "snowy",    "sparkling", "spring", "steady", "still",  "summer",  "sunny",
    "swift",   "tidy",     "vivid",     "warm",   "wise",   "witty",  "young"};

constexpr std::array<const char*, 89> nouns = {
    "acorn",     "aurora",   "bay",    "beacon",  "bird",   "blossom", "breeze", "brook",
    "bush",      "canyon",   "cedar",  "cliff",   "cloud",  "comet",   "coral",  "creek",
    "darkness",  "delta",    "dew",    "dream",   "dune",   "echo",    "ember",  "feather",
    "fern",      "field",    "fire",   "firefly", "flower", "fog",     "forest", "frog",
    "frost",     "galaxy",   "glade",  "glitter", "grass",  "grove",   "harbor", "haze",
    "hill",      "island",   "lake",   "lantern", "leaf",   "maple",   "mesa",   "moon",
    "moss",      "mountain", "night",  "oak",     "oasis",  "ocean",   "orchid", "paper",
    "pebble",    "pine",     "plain",  "planet",  "pond",   "prairie", "rain",   "reef",
    "resonance", "river",    "sea",    "shadow",  "shape",  "silence", "sky",    "smoke",
    "snow",      "sound",    "star",   "stone",   "stream", "sun",     "surf",   "thunder",
    "tide",      "tree",     "valley", "violet",  "voice",  "water",   "wave",   "wind",
    "wood"};

// Steps through a list so that neighbours are far apart in it; the first run is sunny-smoke-1.
template <std::size_t Count>
const char* pick(const std::array<const char*, Count>& words, std::uint64_t n, std::uint64_t step,
                 std::uint64_t first) {
    return words[(n % Count * step + first) % Count];
}

}  // namespace

std::string run_name(std::uint64_t n) {
    return std::string(pick(adjectives, n, 37, 34)) + "-" + pick(nouns, n, 29, 42) + "-" +
           std::to_string(n);
}

}  // namespace artfs
