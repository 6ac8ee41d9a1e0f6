#include "runs/run_names.h"

#include <array>

namespace artfs {

namespace {

// Their order is part of every store's history: names are made from numbers. Never change it.
constexpr std::array adjectives{
    "amber",  "autumn", "azure",  "bold",   "brave",  "breezy", "bright", "brisk",  "calm",   "cheerful", "clear",
    "clever", "cosmic", "crimson", "crisp", "curious", "daring", "deep",  "dewy",   "divine", "dry",    "eager",
    "early",  "easy",   "electric", "fair", "fast",   "fearless", "fresh", "frosty", "gentle", "gilded", "glad",
    "golden", "grand",  "happy",  "hearty", "honest", "icy",    "jolly",  "keen",   "kind",   "late",   "light",
    "likely", "lively", "logical", "lucky", "lunar",  "mellow", "misty",  "neat",   "noble",  "odd",    "peachy",
    "polar",  "quiet",  "rapid",  "rich",   "rosy",   "royal",  "rural",  "silver", "snowy",  "solar",  "stellar",
    "still",  "sunny",  "swift",  "tidy",   "vivid",  "warm",   "wild",   "wise",   "witty",  "zesty"};
constexpr std::array nouns{
    "aurora",  "bee",     "bird",   "breeze", "brook",  "bush",    "butterfly", "canyon", "cherry", "cloud",  "comet",
    "coral",   "creek",   "dawn",   "deluge", "dew",    "dream",   "dune",   "dust",   "eagle",  "ember",  "feather",
    "fern",    "field",   "fire",   "firefly", "fjord", "flower",  "fog",    "forest", "frog",   "frost",  "galaxy",
    "glade",   "glacier", "grass",  "haze",   "hill",   "island",  "lake",   "leaf",   "meadow", "meteor", "moon",
    "morning", "mountain", "night", "oasis",  "paper",  "pine",    "planet", "plasma", "pond",   "rain",   "reef",
    "resonance", "ridge", "river",  "sea",    "shadow", "shape",   "silence", "sky",   "smoke",  "snow",   "sound",
    "spring",  "star",    "sun",    "sunset", "surf",   "terrain", "thunder", "totem", "tree",   "valley", "violet",
    "water",   "wave",    "wildflower", "wind", "wood", "yogurt"};

}  // namespace

std::string run_name(std::uint64_t n) {
    // Steps that share no factor with the lists' lengths: neighbours differ in both words.
    static_assert(adjectives.size() % 31 != 0 && nouns.size() % 37 != 0);
    const char* adjective = adjectives[(n * 31 + 67 - 31) % adjectives.size()];
    const char* noun = nouns[(n * 37 + 63 - 37) % nouns.size()];
    return std::string(adjective) + "-" + noun + "-" + std::to_string(n);
}

}  // namespace artfs
