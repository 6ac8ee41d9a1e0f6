// A pickle read as data: what it would build, without building it.
//
// A pickle is a program for a stack machine whose GLOBAL and REDUCE call any Python function. Here
// a call is a value that says what would be called, so that nothing in the file can do anything.
// Opcodes are those of protocol 2 to 4 that torch.save writes (Lib/pickletools.py documents them).
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace artfs::ui {

struct PickleValue;
using Pickled = PickleValue*;  // owned by the Pickle: a pickle may nest deeply, and in a circle

struct PickleValue {
    enum class Is {
        none,
        boolean,
        integer,
        real,
        text,
        bytes,
        tuple,
        list,
        dict,
        global,
        call,
        other
    };
    Is is = Is::none;
    std::int64_t integer = 0;
    std::string text;  // also "module.name" of a global
    std::vector<Pickled>
        items;  // of a dict: key, value, key, value; of a call: function, arguments
};

struct Pickle {
    std::deque<PickleValue> values;
    const PickleValue* top = nullptr;
};

// Throws FormatError where the bytes are no pickle, use what is not known here, or are too large.
Pickle read_pickle(std::string_view bytes);

}  // namespace artfs::ui
